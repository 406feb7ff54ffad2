#include "engine/prefix_worker.h"

#include <filesystem>
#include <system_error>
#include <utility>

namespace mlxserving::engine {
namespace {

void delete_file(const PrefixStoreOptions& store, const std::string& name) {
  std::error_code ignored;
  std::filesystem::remove(store.directory + "/" + name, ignored);
}

}  // namespace

PrefixWorker::PrefixWorker(PrefixStoreOptions store, std::shared_ptr<Doorbell> bell)
    : store_(std::move(store)), bell_(std::move(bell)), thread_([this] { run(); }) {}

PrefixWorker::~PrefixWorker() {
  jobs_.close();
  outcomes_.close();
  thread_.join();
}

void PrefixWorker::run() {
  while (auto job = jobs_.pop()) {
    if (std::holds_alternative<PrefixRead>(*job) && outcomes_.is_closed()) continue;
    outcomes_.push(std::visit([this](auto& what) { return done(std::move(what)); }, *job));
    bell_->ring();
  }
}

PrefixOutcome PrefixWorker::done(PrefixRead read) const {
  if (store_.before_read) store_.before_read(read.chunk.name);
  Result<PrefixPages> pages = read_prefix(store_, read.chunk);
  if (!pages) delete_file(store_, read.chunk.name);
  return PrefixReadDone{std::move(read), std::move(pages)};
}

PrefixOutcome PrefixWorker::done(const PrefixWrite& write) const {
  for (const std::string& name : write.deleted) delete_file(store_, name);
  Result<void> written = write_prefix(store_, write.chunk, write.pages);
  return PrefixWriteDone{write.chunk.name, prefix_file_bytes(write.pages), std::move(written)};
}

}  // namespace mlxserving::engine
