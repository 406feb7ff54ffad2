#include "engine/prefix_tier.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <vector>

#include "core/content_hash.h"
#include "core/result.h"

namespace mlxserving::engine {
namespace {

namespace fs = std::filesystem;

constexpr int32_t kChunk = scheduler::kChunkTokens;
constexpr int32_t kPages = kChunk / nn::kPageTokens;
constexpr int64_t kSampleBytes = 64 << 10;

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

void PrefixTier::restore(std::span<const int32_t> prompt, scheduler::Scheduler& scheduler) {
  if (!trouble_.empty()) return;
  const auto last = (static_cast<int32_t>(prompt.size()) - 1) / kChunk * kChunk;
  for (int32_t end = scheduler.kept_tokens(prompt) / kChunk * kChunk + kChunk; end <= last; end += kChunk) {
    const auto beginning = prompt.first(static_cast<size_t>(end));
    if (!store_.has(beginning)) return;
    const auto chunk = store_.load(beginning);
    if (!chunk) return;  // it is deleted: computed and saved again
    const auto installed = scheduler.install(beginning);
    if (installed.size() != chunk->size()) return;
    for (size_t g = 0; g < installed.size(); ++g) {
      const auto bytes = static_cast<size_t>(kv_.page_bytes(static_cast<int>(g)));
      const std::span<const uint8_t> from = (*chunk)[g];
      for (size_t i = 0; i < installed[g].size(); ++i) {
        kv_.write_page(static_cast<int>(g), installed[g][i], from.subspan(i * bytes, bytes));
      }
    }
  }
}

void PrefixTier::save(scheduler::SequenceId id, std::span<const int32_t> prompt, int32_t position_end,
                      const scheduler::Scheduler& scheduler) {
  if (!trouble_.empty() || position_end % kChunk != 0) return;
  const auto beginning = prompt.first(static_cast<size_t>(position_end));
  if (store_.has(beginning)) return;
  PrefixStore::Chunk chunk;
  const auto tables = scheduler.page_tables(id);
  for (size_t g = 0; g < tables.size(); ++g) {
    const std::vector<int32_t> pages = chunk_pages(tables[g], position_end);
    if (pages.empty()) return;
    const auto bytes = static_cast<size_t>(kv_.page_bytes(static_cast<int>(g)));
    auto& group = chunk.emplace_back(pages.size() * bytes);
    for (size_t i = 0; i < pages.size(); ++i) {
      kv_.read_page(static_cast<int>(g), pages[i], std::span(group).subspan(i * bytes, bytes));
    }
  }
  if (const auto saved = store_.save(beginning, chunk); !saved) {
    trouble_ = fmt::format("prompts are no longer stored on disk: {}", saved.error().message);
  }
}

}  // namespace mlxserving::engine
