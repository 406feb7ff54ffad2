#include "engine/prefix_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/content_hash.h"
#include "core/json.h"
#include "core/read_file.h"
#include "core/result.h"
#include "format/safetensors.h"
#include "scheduler/page_group.h"

namespace mlxserving::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".kv.safetensors";

std::string checksum(const PrefixStore::Chunk& pages) {
  ContentHash hash;
  for (const auto& bytes : pages) hash.add(bytes.data(), bytes.size());
  return fmt::format("{:016x}", hash.value());
}

std::span<const int32_t> last_chunk(std::span<const int32_t> prompt) { return prompt.last(scheduler::kChunkTokens); }

std::string tokens_text(std::span<const int32_t> prompt) {
  return fmt::format("{}", fmt::join(last_chunk(prompt), ","));
}

std::string header_of(std::span<const int32_t> prompt, const PrefixStore::Chunk& pages,
                      const std::string& fingerprint) {
  Json header = {{"__metadata__",
                  {{"fingerprint", fingerprint},
                   {"tokens_before", std::to_string(prompt.size() - scheduler::kChunkTokens)},
                   {"tokens", tokens_text(prompt)},
                   {"checksum", checksum(pages)}}}};
  size_t begin = 0;
  for (size_t g = 0; g < pages.size(); ++g) {
    header[fmt::format("group{}", g)] = {
        {"dtype", "U8"}, {"shape", {pages[g].size()}}, {"data_offsets", {begin, begin + pages[g].size()}}};
    begin += pages[g].size();
  }
  return to_text(header);
}

}  // namespace

Result<PrefixStore> PrefixStore::open(const PrefixStoreOptions& options) {
  PrefixStore store(options);
  std::error_code error;
  fs::create_directories(options.directory, error);
  std::vector<std::pair<fs::file_time_type, fs::directory_entry>> found;
  for (auto it = fs::directory_iterator(options.directory, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    if (it->path().filename().string().ends_with(kSuffix)) found.emplace_back(it->last_write_time(error), *it);
  }
  if (error) {
    return fail(ErrorCode::io, options.directory, "the prefix cache's directory cannot be used: {}", error.message());
  }
  std::ranges::sort(found, {}, [](const auto& entry) { return entry.first; });
  for (const auto& [time, entry] : found) {
    store.add(entry.path().filename().string(), static_cast<int64_t>(entry.file_size(error)));
  }
  store.make_room(0);
  return store;
}

// The hash of all tokens, so that equal chunks behind different beginnings have files of their own.
std::string PrefixStore::name_of(std::span<const int32_t> prompt) const {
  ContentHash hash;
  hash.add(options_.fingerprint.data(), options_.fingerprint.size());
  hash.add(prompt.data(), prompt.size_bytes());
  return fmt::format("{:016x}-{}{}", hash.value(), prompt.size(), kSuffix);
}

bool PrefixStore::has(std::span<const int32_t> prompt) const { return files_.contains(name_of(prompt)); }

Result<PrefixStore::Chunk> PrefixStore::load(std::span<const int32_t> prompt) {
  const std::string name = name_of(prompt);
  if (!files_.contains(name)) return fail(ErrorCode::not_found, name, "no such prefix is stored");
  const auto refuse = [&](const std::string& why) {
    remove(name);
    return fail(ErrorCode::invalid_model, path_of(name), "a stored prefix is not used and deleted: {}", why);
  };
  const auto file = format::open_safetensors(path_of(name));
  if (!file) return refuse(file.error().message);
  const auto says = [&](const char* key, const std::string& expected) {
    const auto it = file->metadata.find(key);
    return it != file->metadata.end() && it->second == expected;
  };
  if (!says("fingerprint", options_.fingerprint)) return refuse("it is of another model");
  if (!says("tokens", tokens_text(prompt))) return refuse("it is of another text");
  Chunk pages;
  for (const format::Tensor& tensor : file->tensors) {  // in the order of their groups
    const auto* begin = reinterpret_cast<const uint8_t*>(tensor.bytes.data());
    pages.emplace_back(begin, begin + tensor.bytes.size());
  }
  if (!says("checksum", checksum(pages))) return refuse("its checksum does not fit its bytes");
  touch(name);
  return pages;
}

Result<void> PrefixStore::save(std::span<const int32_t> prompt, const Chunk& pages) {
  const std::string name = name_of(prompt);
  if (files_.contains(name)) {
    touch(name);
    return {};
  }
  const std::string header = header_of(prompt, pages, options_.fingerprint);
  const uint64_t length = header.size();
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  bytes += header;
  for (const auto& group : pages) bytes.append(reinterpret_cast<const char*>(group.data()), group.size());
  const auto size = static_cast<int64_t>(bytes.size());
  if (size > options_.bytes_max) return {};
  make_room(size);
  MLXS_CHECKED(write_file(path_of(name), bytes));
  add(name, size);
  return {};
}

void PrefixStore::add(const std::string& name, int64_t bytes) {
  files_[name] = {bytes, uses_.insert(uses_.end(), name)};
  bytes_ += bytes;
}

// The file's time says after a restart when it was used last.
void PrefixStore::touch(const std::string& name) {
  uses_.splice(uses_.end(), uses_, files_.at(name).use);
  std::error_code ignored;
  fs::last_write_time(path_of(name), fs::file_time_type::clock::now(), ignored);
}

void PrefixStore::remove(const std::string& name) {
  const auto file = files_.find(name);
  bytes_ -= file->second.bytes;
  uses_.erase(file->second.use);
  files_.erase(file);
  std::error_code ignored;
  fs::remove(path_of(name), ignored);
}

void PrefixStore::make_room(int64_t bytes) {
  while (!uses_.empty() && bytes_ + bytes > options_.bytes_max) remove(std::string(uses_.front()));
}

}  // namespace mlxserving::engine
