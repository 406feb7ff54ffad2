// A model that can be foretold: its next token is a function of everything it remembers, read through the page tables
// as kernels read keys and values. A page mixed up, lost or overwritten gives another answer.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <stdexcept>
#include <vector>

#include "core/check.h"
#include "engine/runner.h"
#include "nn/kv_view.h"

namespace mlxserving::engine::test {

constexpr int32_t kFakeVocabulary = 256;

class FakeRunner final : public Runner, public nn::KvStore {
 public:
  explicit FakeRunner(std::vector<scheduler::PageGroup> groups) : groups_(std::move(groups)) {
    for (const scheduler::PageGroup& group : groups_) {
      pages_.emplace_back(static_cast<size_t>(group.page_count) * static_cast<size_t>(group.page_tokens), -1);
    }
  }

  // The next `steps` steps fail: as a kernel's error, or as a broken invariant.
  int errors_due = 0;
  int throws_due = 0;

  // The answer to a prompt, `count` tokens, known beforehand.
  std::vector<int32_t> foretell(std::vector<int32_t> tokens, int32_t count) const {
    const size_t prompt = tokens.size();
    for (int32_t i = 0; i < count; ++i) {
      uint64_t hash = kSeed;
      for (const scheduler::PageGroup& group : groups_) {
        const size_t begin = group.window == 0 ? 0 : tokens.size() - std::min(tokens.size(), window(group));
        for (size_t p = begin; p < tokens.size(); ++p) hash = mix(hash, tokens[p]);
      }
      tokens.push_back(token_of(hash));
    }
    return {tokens.begin() + static_cast<std::ptrdiff_t>(prompt), tokens.end()};
  }

  Result<StepOutput> run(std::span<const ChunkTokens> chunks, std::span<const scheduler::PageCopy> copies,
                         const scheduler::Scheduler& scheduler) override {
    for (const auto& [group, from, to] : copies) copy_page(static_cast<int>(group), from, to);
    for (const ChunkTokens& chunk : chunks) write(chunk, scheduler);
    if (throws_due > 0 && throws_due-- > 0) throw BrokenInvariant("planted");
    if (errors_due > 0 && errors_due-- > 0) return Error{ErrorCode::internal, "planted", ""};
    const auto values = std::make_shared<std::vector<float>>();
    StepOutput output;
    for (const ChunkTokens& rows : chunks) {
      output.chunks.push_back({.values = nullptr, .count = rows.chunk.samples ? 1 : 0, .width = kFakeVocabulary});
      if (rows.chunk.samples) add_logits(rows.chunk, scheduler, *values);
    }
    const float* next = values->data();
    for (OutputRows& rows : output.chunks) {
      rows.values = next;
      next += rows.count * kFakeVocabulary;
    }
    output.owners.push_back(values);
    return output;
  }

  int64_t bytes() const override { return 0; }
  int64_t page_bytes(int group) const override { return groups_[static_cast<size_t>(group)].page_tokens * 4; }
  void copy_page(int group, int32_t from, int32_t to) override {
    std::memcpy(page_data(group, to), page_data(group, from), static_cast<size_t>(page_bytes(group)));
  }
  void read_page(int group, int32_t page, std::span<uint8_t> bytes) override {
    std::memcpy(bytes.data(), page_data(group, page), bytes.size());
  }
  void write_page(int group, int32_t page, std::span<const uint8_t> bytes) override {
    std::memcpy(page_data(group, page), bytes.data(), bytes.size());
  }

 private:
  static constexpr uint64_t kSeed = 1469598103934665603U;  // Fowler, Noll, Vo
  static uint64_t mix(uint64_t hash, int32_t token) { return (hash ^ static_cast<uint64_t>(token)) * 1099511628211U; }
  static int32_t token_of(uint64_t hash) { return static_cast<int32_t>((hash >> 20U) % 64U) + 32; }
  static size_t window(const scheduler::PageGroup& group) { return static_cast<size_t>(group.window); }

  int32_t& slot(size_t group, int32_t page, int32_t position) {
    check(page >= 0, "a row reads only pages that its sequence holds");
    const int32_t tokens = groups_[group].page_tokens;
    return pages_[group].at(static_cast<size_t>(page * tokens + position % tokens));
  }
  int32_t& slot(size_t group, std::span<const int32_t> table, int32_t position) {
    const auto logical = static_cast<size_t>(position / groups_[group].page_tokens);
    return slot(group, table[logical % table.size()], position);
  }

  int32_t* page_data(int group, int32_t page) { return &slot(static_cast<size_t>(group), page, 0); }

  void write(const ChunkTokens& rows, const scheduler::Scheduler& scheduler) {
    const auto tables = scheduler.page_tables(rows.chunk.sequence);
    for (size_t g = 0; g < groups_.size(); ++g) {
      for (int32_t i = 0; i < rows.chunk.token_count; ++i) {
        slot(g, tables[g], rows.chunk.position_begin + i) = rows.tokens[static_cast<size_t>(i)];
      }
    }
  }

  void add_logits(const scheduler::Chunk& chunk, const scheduler::Scheduler& scheduler, std::vector<float>& values) {
    const int32_t end = chunk.position_begin + chunk.token_count;
    const auto tables = scheduler.page_tables(chunk.sequence);
    uint64_t hash = kSeed;
    for (size_t g = 0; g < groups_.size(); ++g) {
      const int32_t begin = groups_[g].window == 0 ? 0 : std::max(0, end - groups_[g].window);
      for (int32_t p = begin; p < end; ++p) hash = mix(hash, slot(g, tables[g], p));
    }
    values.resize(values.size() + kFakeVocabulary, 0.0F);
    values[values.size() - kFakeVocabulary + static_cast<size_t>(token_of(hash))] = 10.0F;
  }

  std::vector<scheduler::PageGroup> groups_;
  std::vector<std::vector<int32_t>> pages_;  // [group]: the token in each slot, which stands for its key and value
};

}  // namespace mlxserving::engine::test
