#include "engine/prefix_store.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <ranges>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/check.h"
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
constexpr size_t kHeaderBytes = 4096;  // padded to it, so that a file's size is known before it is written

std::string path_of(const PrefixStoreOptions& store, const std::string& name) { return store.directory + "/" + name; }

std::string checksum(const PrefixPages& pages) {
  ContentHash hash;
  for (const auto& bytes : pages) hash.add(bytes.data(), bytes.size());
  return fmt::format("{:016x}", hash.value());
}

std::string tokens_text(const PrefixChunk& chunk) { return fmt::format("{}", fmt::join(chunk.tokens, ",")); }

std::string header_of(const PrefixStoreOptions& store, const PrefixChunk& chunk, const PrefixPages& pages) {
  Json header = {{"__metadata__",
                  {{"fingerprint", store.fingerprint},
                   {"tokens_end", std::to_string(chunk.end)},
                   {"tokens", tokens_text(chunk)},
                   {"checksum", checksum(pages)}}}};
  size_t begin = 0;
  for (size_t g = 0; g < pages.size(); ++g) {
    header[fmt::format("group{}", g)] = {
        {"dtype", "U8"}, {"shape", {pages[g].size()}}, {"data_offsets", {begin, begin + pages[g].size()}}};
    begin += pages[g].size();
  }
  std::string text = to_text(header);
  check(text.size() <= kHeaderBytes, "the header of a stored prefix fits its place");
  text.resize(kHeaderBytes, ' ');
  return text;
}

// SHA-256: one user's prompt must not be able to pass for the beginning of another's.
std::string digest(std::string bytes, std::span<const int32_t> tokens) {
  bytes.append(reinterpret_cast<const char*>(tokens.data()), tokens.size_bytes());
  std::array<uint8_t, EVP_MAX_MD_SIZE> out{};
  unsigned int size = 0;
  check(EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, EVP_sha256(), nullptr) == 1, "SHA-256 is there");
  return {out.begin(), out.begin() + size};
}

}  // namespace

std::vector<PrefixChunk> prefix_chunks(std::span<const int32_t> prompt, const std::string& fingerprint) {
  constexpr auto kTokens = static_cast<size_t>(scheduler::kChunkTokens);
  constexpr size_t kNameBytes = 16;
  std::vector<PrefixChunk> chunks;
  std::string hash = fingerprint;  // then of all before
  for (size_t begin = 0; begin + kTokens <= prompt.size(); begin += kTokens) {
    const auto tokens = prompt.subspan(begin, kTokens);
    hash = digest(std::move(hash), tokens);
    const auto end = static_cast<int32_t>(begin + kTokens);
    const std::span name(reinterpret_cast<const uint8_t*>(hash.data()), kNameBytes);
    chunks.push_back({.name = fmt::format("{:02x}-{}{}", fmt::join(name, ""), end, kSuffix),
                      .end = end,
                      .tokens = {tokens.begin(), tokens.end()}});
  }
  return chunks;
}

int64_t prefix_file_bytes(const PrefixPages& pages) {
  size_t bytes = sizeof(uint64_t) + kHeaderBytes;
  for (const auto& group : pages) bytes += group.size();
  return static_cast<int64_t>(bytes);
}

Result<PrefixPages> read_prefix(const PrefixStoreOptions& store, const PrefixChunk& chunk) {
  const std::string path = path_of(store, chunk.name);
  MLXS_TRY(const auto file, format::open_safetensors(path));
  const auto says = [&](const char* key, const std::string& expected) {
    const auto it = file.metadata.find(key);
    return it != file.metadata.end() && it->second == expected;
  };
  const auto refuse = [&](const char* why) {
    return fail(ErrorCode::invalid_model, path, "a stored prefix cannot be used: {}", why);
  };
  if (!says("fingerprint", store.fingerprint)) return refuse("it is of another model");
  if (!says("tokens", tokens_text(chunk))) return refuse("it is of another text");
  PrefixPages pages;
  for (const format::Tensor& tensor : file.tensors) {  // in the order of their groups
    const auto* begin = reinterpret_cast<const uint8_t*>(tensor.bytes.data());
    pages.emplace_back(begin, begin + tensor.bytes.size());
  }
  if (!says("checksum", checksum(pages))) return refuse("its checksum does not fit its bytes");
  std::error_code ignored;  // the file's time says after a restart when it was used last
  fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);
  return pages;
}

Result<void> write_prefix(const PrefixStoreOptions& store, const PrefixChunk& chunk, const PrefixPages& pages) {
  std::string bytes(sizeof(uint64_t), '\0');
  const uint64_t length = kHeaderBytes;
  std::memcpy(bytes.data(), &length, sizeof length);
  bytes.reserve(static_cast<size_t>(prefix_file_bytes(pages)));
  bytes += header_of(store, chunk, pages);
  for (const auto& group : pages) bytes.append(reinterpret_cast<const char*>(group.data()), group.size());
  return write_file(path_of(store, chunk.name), bytes);
}

Result<PrefixIndex> PrefixIndex::open(const PrefixStoreOptions& options) {
  PrefixIndex index(options);
  std::error_code error;
  fs::create_directories(options.directory, error);
  std::vector<std::pair<fs::file_time_type, fs::directory_entry>> found;
  for (auto it = fs::directory_iterator(options.directory, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    const bool is_ours = it->path().filename().string().ends_with(kSuffix) && it->is_regular_file(error);
    if (is_ours) found.emplace_back(it->last_write_time(error), *it);
  }
  if (error) {
    return fail(ErrorCode::io, options.directory, "{}: cannot be used as the prefix cache's directory: {}",
                options.directory, error.message());
  }
  std::ranges::sort(found, {}, [](const auto& entry) { return entry.first; });
  for (const auto& [time, entry] : found) {
    const std::string name = entry.path().filename().string();
    const auto bytes = static_cast<int64_t>(entry.file_size(error));
    index.files_[name] = {bytes, index.uses_.insert(index.uses_.end(), name)};
    index.bytes_ += bytes;
  }
  for (const std::string& name : index.make_room(0)) fs::remove(path_of(options, name), error);
  return index;
}

void PrefixIndex::use(std::span<const PrefixChunk> chunks) {
  for (const PrefixChunk& chunk : std::views::reverse(chunks)) {
    if (const auto file = files_.find(chunk.name); file != files_.end()) {
      uses_.splice(uses_.end(), uses_, file->second.use);
    }
  }
}

std::optional<std::vector<std::string>> PrefixIndex::add(const std::string& name, int64_t bytes) {
  check(!has(name), "a file is added once");
  if (bytes > options_.bytes_max) return std::nullopt;
  std::vector<std::string> deleted = make_room(bytes);
  files_[name] = {bytes, uses_.insert(uses_.end(), name)};
  bytes_ += bytes;
  return deleted;
}

void PrefixIndex::remove(const std::string& name) {
  const auto file = files_.find(name);
  if (file == files_.end()) return;
  bytes_ -= file->second.bytes;
  uses_.erase(file->second.use);
  files_.erase(file);
}

std::vector<std::string> PrefixIndex::make_room(int64_t bytes) {
  std::vector<std::string> names;
  while (!uses_.empty() && bytes_ + bytes > options_.bytes_max) {
    names.push_back(uses_.front());
    remove(names.back());
  }
  return names;
}

}  // namespace mlxserving::engine
