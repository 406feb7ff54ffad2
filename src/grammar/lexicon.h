// A lazily built automaton over bytes whose states hold several tagged languages at once: what a text may be here, and,
// when one is complete, which.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <unordered_map>
#include <vector>

#include "grammar/regex_pool.h"

namespace mlxserving::grammar {

using LexId = uint32_t;

constexpr LexId kDead = 0;                 // no text goes on from here
constexpr LexId kEnd = 1;                  // the whole text is complete; nothing may follow
constexpr LexId kUnresolved = UINT32_MAX;  // of a row: nobody has asked yet

struct TaggedRegex {
  uint32_t tag;
  RegexId regex;
  friend auto operator<=>(const TaggedRegex&, const TaggedRegex&) = default;
};

// No state but kDead is without a way to complete one of its languages (up to the limits of RegexPool::is_empty).
class Lexicon {
 public:
  struct Limits {
    size_t states_max = 60'000;  // a row of 1 KiB each
    RegexPool::Limits pool;
  };

  explicit Lexicon(const Limits& limits);

  RegexPool& pool() { return pool_; }

  // Languages under their tags; languages of one tag are united.
  LexId state(std::vector<TaggedRegex> parts);
  LexId step(LexId state, uint8_t byte) { return step(state, row(state), byte); }
  // The same where the row is at hand.
  using Row = std::array<LexId, 256>;
  LexId step(LexId state, const Row& row, uint8_t byte) {
    return row[byte] != kUnresolved ? row[byte] : resolve(state, byte);
  }
  // Where each byte leads, as far as it was asked; stays where it is.
  const Row& row(LexId state) {
    if (states_[state].row == UINT32_MAX) add_row(state);
    return rows_[states_[state].row];
  }

  // Tags of the languages that are complete here.
  std::span<const uint32_t> complete_tags(LexId state) const;
  bool is_complete(LexId state) const { return states_[state].tags_count > 0; }
  // Whether any byte may follow within a language.
  bool goes_on(LexId state) const { return states_[state].goes_on; }
  std::span<const TaggedRegex> parts(LexId state) const;
  // Equal for equal content, across lexicons.
  uint64_t content_hash(LexId state) const;
  // The state in which text of `bytes_max` bytes cannot tell from this one (RegexPool::saturated).
  LexId saturated(LexId state, uint32_t bytes_max);

  bool is_exhausted() const { return exhausted_ || pool_.is_exhausted(); }
  size_t states() const { return states_.size(); }
  double fullness() const {
    return std::max(static_cast<double>(states_.size()) / static_cast<double>(limits_.states_max), pool_.fullness());
  }

 private:
  struct State {
    uint32_t parts_at = 0, parts_count = 0;
    uint32_t tags_at = 0, tags_count = 0;
    uint32_t row = UINT32_MAX;
    bool goes_on = false;
  };

  void add_row(LexId state);
  LexId resolve(LexId from, uint8_t byte);
  bool leads_on(RegexId regex);

  Limits limits_;
  RegexPool pool_;
  std::vector<State> states_;
  std::vector<TaggedRegex> parts_;
  std::vector<uint32_t> tags_;
  std::deque<Row> rows_;
  std::unordered_multimap<uint64_t, LexId> index_;
  std::unordered_map<uint64_t, LexId> saturated_;  // by state and bytes
  bool exhausted_ = false;
};

}  // namespace mlxserving::grammar
