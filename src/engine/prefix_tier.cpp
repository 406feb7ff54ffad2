#include "engine/prefix_tier.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>
#include <variant>
#include <vector>

#include "core/check.h"
#include "core/content_hash.h"
#include "core/result.h"

namespace mlxserving::engine {
namespace {

namespace fs = std::filesystem;

constexpr int32_t kChunk = scheduler::kChunkTokens;
constexpr int32_t kPages = kChunk / nn::kPageTokens;
constexpr int64_t kSampleBytes = 64 << 10;

// Chunks on their way: enough that the disk never waits for a step, little enough that they are no second cache.
constexpr size_t kReadingMax = kPrefixOutcomesMax;
constexpr int64_t kWritingBytesMax = int64_t{64} << 20;  // or one chunk

std::string sample(std::ifstream& file, int64_t begin) {
  std::string bytes(static_cast<size_t>(kSampleBytes), '\0');
  file.clear();
  file.seekg(begin);
  file.read(bytes.data(), kSampleBytes);
  bytes.resize(static_cast<size_t>(file.gcount()));
  return bytes;
}

// Pages of the chunk that ends at `position_end`, of one group; empty if some are gone.
std::vector<int32_t> chunk_pages(std::span<const int32_t> table, int32_t position_end) {
  std::vector<int32_t> pages;
  const int32_t end = position_end / nn::kPageTokens;
  for (int32_t page = end - kPages; page < end; ++page) {
    const int32_t number = table[static_cast<size_t>(page) % table.size()];
    if (number < 0) return {};
    pages.push_back(number);
  }
  return pages;
}

}  // namespace

Result<std::string> model_fingerprint(const std::string& model_dir, const std::string& how) {
  std::error_code error;
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(model_dir, error)) {
    const std::string name = entry.path().filename().string();
    if (name == "config.json" || name.ends_with(".safetensors")) paths.push_back(entry.path());
  }
  if (error) return fail(ErrorCode::io, model_dir, "the model's files cannot be listed: {}", error.message());
  std::ranges::sort(paths);
  ContentHash hash;
  hash.add(how.data(), how.size());
  for (const fs::path& path : paths) {
    const auto size = static_cast<int64_t>(fs::file_size(path, error));
    std::ifstream file(path, std::ios::binary);
    const std::string text = fmt::format("{} {}", path.filename().string(), size);
    hash.add(text.data(), text.size());
    for (const int64_t begin : {int64_t{0}, size / 3, size / 2, std::max<int64_t>(0, size - kSampleBytes)}) {
      const std::string bytes = sample(file, begin);
      hash.add(bytes.data(), bytes.size());
    }
  }
  return fmt::format("{:016x} {}", hash.value(), how);
}

PrefixTier::PrefixTier(PrefixIndex index, nn::KvStore& kv, std::shared_ptr<Doorbell> bell)
    : index_(std::move(index)), kv_(kv), worker_(index_.options(), std::move(bell)) {}

bool PrefixTier::fetch(SequenceId id, std::shared_ptr<const std::vector<int32_t>> prompt,
                       const scheduler::Scheduler& scheduler) {
  // The last token is always computed.
  auto chunks = prefix_chunks(std::span(*prompt).first(prompt->size() - 1), index_.options().fingerprint);
  index_.use(chunks);
  const int32_t kept = scheduler.kept_tokens(*prompt);
  std::erase_if(chunks, [&](const PrefixChunk& chunk) { return chunk.end <= kept; });
  const auto missing = std::ranges::find_if_not(chunks, [&](const PrefixChunk& c) { return index_.has(c.name); });
  chunks.erase(missing, chunks.end());
  if (chunks.empty()) return false;
  fetches_.emplace(id, Fetch{.prompt = std::move(prompt), .chunks = std::move(chunks)});
  ask();
  return true;
}

// Sequences in the order of their ids; what finds no place now is asked for when something has been read.
void PrefixTier::ask() {
  for (auto& [id, fetch] : fetches_) {
    while (fetch.is_whole && fetch.asked < fetch.chunks.size()) {
      PrefixJob job = PrefixRead{.sequence = id, .chunk = fetch.chunks[fetch.asked]};
      if (reading_ == kReadingMax || !worker_.try_push(job)) return;
      ++fetch.asked;
      ++reading_;
    }
  }
}

std::vector<PrefixTier::SequenceId> PrefixTier::take_read(scheduler::Scheduler& scheduler) {
  while (auto outcome = worker_.try_pop()) {
    if (auto* read = std::get_if<PrefixReadDone>(&*outcome)) take(std::move(*read), scheduler);
    if (const auto* written = std::get_if<PrefixWriteDone>(&*outcome)) take(*written);
  }
  ask();
  std::vector<SequenceId> done;
  for (const auto& [id, fetch] : fetches_) {
    if (fetch.is_done()) done.push_back(id);
  }
  for (const SequenceId id : done) fetches_.erase(id);
  return done;
}

void PrefixTier::take(PrefixReadDone done, scheduler::Scheduler& scheduler) {
  --reading_;
  if (!done.pages) index_.remove(done.read.chunk.name);  // computed again, and then stored again
  const auto it = fetches_.find(done.read.sequence);
  if (it == fetches_.end()) return;
  Fetch& fetch = it->second;
  ++fetch.answered;
  const auto beginning = std::span(*fetch.prompt).first(static_cast<size_t>(done.read.chunk.end));
  fetch.is_whole = fetch.is_whole && done.pages && install(beginning, *done.pages, scheduler);
}

void PrefixTier::take(const PrefixWriteDone& done) {
  writing_bytes_ -= done.bytes;
  if (done.written) return;
  index_.remove(done.name);
  trouble_ = fmt::format("prompts are no longer stored on disk: {}", done.written.error().message);
}

// False if there is no room, or what lies before it is gone.
bool PrefixTier::install(std::span<const int32_t> beginning, const PrefixPages& pages,
                         scheduler::Scheduler& scheduler) {
  if (scheduler.kept_tokens(beginning) == static_cast<int32_t>(beginning.size())) return true;  // by another
  const auto installed = scheduler.install(beginning);
  if (installed.size() != pages.size()) return false;
  for (size_t g = 0; g < installed.size(); ++g) {
    const auto bytes = static_cast<size_t>(kv_.page_bytes(static_cast<int>(g)));
    for (size_t i = 0; i < installed[g].size(); ++i) {
      kv_.write_page(static_cast<int>(g), installed[g][i], std::span(pages[g]).subspan(i * bytes, bytes));
    }
  }
  return true;
}

void PrefixTier::save(SequenceId id, std::span<const int32_t> prompt, int32_t position_end,
                      const scheduler::Scheduler& scheduler) {
  if (!trouble_.empty() || position_end % kChunk != 0) return;
  if (writing_bytes_ > kWritingBytesMax || worker_.room() == 0) return;
  const auto chunks = prefix_chunks(prompt.first(static_cast<size_t>(position_end)), index_.options().fingerprint);
  const PrefixChunk& chunk = chunks.back();
  if (index_.has(chunk.name)) return;
  PrefixPages pages = copy_pages(scheduler.page_tables(id), position_end);
  if (pages.empty()) return;
  const int64_t bytes = prefix_file_bytes(pages);
  auto deleted = index_.add(chunk.name, bytes);
  if (!deleted) return;
  index_.use(chunks);
  PrefixJob job = PrefixWrite{.chunk = chunk, .pages = std::move(pages), .deleted = std::move(*deleted)};
  check(worker_.try_push(job), "there was room");
  writing_bytes_ += bytes;
}

// [group]; empty if some are gone.
PrefixPages PrefixTier::copy_pages(std::span<const std::span<const int32_t>> tables, int32_t position_end) {
  PrefixPages copies;
  for (size_t g = 0; g < tables.size(); ++g) {
    const std::vector<int32_t> pages = chunk_pages(tables[g], position_end);
    if (pages.empty()) return {};
    const auto bytes = static_cast<size_t>(kv_.page_bytes(static_cast<int>(g)));
    auto& group = copies.emplace_back(pages.size() * bytes);
    for (size_t i = 0; i < pages.size(); ++i) {
      kv_.read_page(static_cast<int>(g), pages[i], std::span(group).subspan(i * bytes, bytes));
    }
  }
  return copies;
}

}  // namespace mlxserving::engine
