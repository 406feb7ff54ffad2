// The strings that a model knows, by string and by id.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mlxserving/error.h"
#include "text/pre_tokenized.h"

namespace mlxserving::text {

constexpr size_t kVocabularyMax = size_t{1} << 22;  // ids; the largest vocabulary in use has 2^18
constexpr size_t kTokenBytesMax = size_t{1} << 16;

// A hash of bytes that is cheap for the few that a token has.
uint64_t hash_bytes(std::string_view bytes);

// Strings with ids; several strings may not share an id, ids may have holes. Immutable once built; any thread may read.
class Vocabulary {
 public:
  Vocabulary() = default;

  // `bytes_expected`: of all strings together, to allocate once.
  void reserve(size_t tokens, size_t bytes_expected);

  // A string seen before moves to the new id. Errors name limits.
  Result<void> add(std::string_view token, TokenId id);

  // Distinct strings.
  size_t size() const { return size_; }
  // One more than the largest id.
  size_t ids_end() const { return entries_.size(); }

  std::optional<TokenId> find(std::string_view token) const {
    const int32_t id = find_id(token);
    return id >= 0 ? std::optional<TokenId>(id) : std::nullopt;
  }
  // -1 when there is none.
  int32_t find_id(std::string_view token) const;
  int32_t find_id(std::string_view token, uint64_t hash) const;

  // For many look-ups at once, whose waits for memory then overlap: call both for all of them before the first find_id.
  void prefetch_slot(uint64_t hash) const {
    if (!slots_.empty()) __builtin_prefetch(&slots_[hash & (slots_.size() - 1)]);
  }
  void prefetch_text(uint64_t hash) const {
    if (!slots_.empty()) __builtin_prefetch(arena_.data() + slots_[hash & (slots_.size() - 1)].begin);
  }

  bool has(TokenId id) const { return id < entries_.size() && entries_[id].bytes != kHole; }
  // The string of an id that has() says yes to.
  std::string_view at(TokenId id) const { return {arena_.data() + entries_[id].begin, entries_[id].bytes}; }

 private:
  static constexpr uint32_t kHole = UINT32_MAX;
  struct Entry {
    uint32_t begin = 0;
    uint32_t bytes = kHole;
  };
  // Open addressing: the upper half of the hash, the id + 1, and where the string is.
  struct Slot {
    uint32_t tag = 0;
    uint32_t id_plus_1 = 0;
    uint32_t begin = 0;
    uint32_t bytes = 0;
  };

  void grow(size_t slots);
  size_t slot_of(std::string_view token, uint64_t hash) const;

  std::string arena_;
  std::vector<Entry> entries_;
  std::vector<Slot> slots_;
  size_t size_ = 0;
};

}  // namespace mlxserving::text
