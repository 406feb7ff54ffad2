// Regular languages of bytes as hash-consed expressions with intersection, complement and counted repeats, and their
// derivatives (Brzozowski 1964; Owens, Reppy and Turon 2009): an expression is its own automaton state.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/segmented.h"
#include "grammar/byte_set.h"
#include "grammar/decimal.h"
#include "grammar/moves.h"

namespace mlxserving::grammar {

constexpr RegexId kNothing = 0;    // no string
constexpr RegexId kEmptyText = 1;  // the empty string only
constexpr RegexId kAnything = 2;   // every string
constexpr uint32_t kUnbounded = UINT32_MAX;

// Equal ids have equal languages; the reverse holds for what the simplifications see. A pool never shrinks. When a
// limit is reached the pool is exhausted: every later expression is kNothing, and whoever built it must ask.
// Not for two threads at once.
class RegexPool {
 public:
  struct Limits {
    size_t nodes_max = size_t{1} << 20;
    size_t moves_max = size_t{1} << 22;
    size_t emptiness_steps_max = 200'000;  // states looked at to tell what is empty, of all questions together
  };

  explicit RegexPool(const Limits& limits);
  RegexPool() : RegexPool(Limits{}) {}

  RegexId bytes(const ByteSet& set);
  RegexId literal(std::string_view text);
  RegexId concat(RegexId first, RegexId second);
  RegexId concat(std::initializer_list<RegexId> parts);
  RegexId any_of(std::vector<RegexId> parts);
  RegexId all_of(std::vector<RegexId> parts);
  RegexId negate(RegexId part);
  RegexId repeat(RegexId part, uint32_t min, uint32_t max);
  RegexId optional(RegexId part) { return repeat(part, 0, 1); }
  RegexId minus(RegexId from, RegexId what) { return all_of({from, negate(what)}); }
  // Numbers in fixed notation.
  RegexId number(const NumberSpec& spec);

  bool is_nullable(RegexId id) const { return nodes_[id].nullable; }
  // Sorted and disjoint; what is missing leads to kNothing.
  std::span<const Move> moves(RegexId id);
  RegexId derive(RegexId id, uint8_t byte);
  // Where the byte leads, and some of those beside it that lead there too: the moves of lists are not found for that.
  Move move_at(RegexId id, uint8_t byte);
  bool matches(RegexId id, std::string_view text);
  // Exact where at most kEmptinessSteps states must be looked at, else "not empty".
  bool is_empty(RegexId id);
  // Whether the language is a finite list of literals; gives how many, else 0.
  size_t literal_count(RegexId id) const;
  // `id` with the repeats that text of `bytes_max` bytes cannot exhaust made unbounded: equal for such text, its
  // prefixes too. Inside a complement nothing changes, and inside an intersection only a bound on length that is
  // far from deciding what can go on.
  RegexId saturated(RegexId id, uint32_t bytes_max);
  // A hash of the content, equal across pools.
  uint64_t content_hash(RegexId id) const { return nodes_[id].content; }

  bool is_exhausted() const { return exhausted_; }
  size_t nodes() const { return nodes_.size(); }
  double fullness() const {
    return std::max({static_cast<double>(nodes_.size()) / static_cast<double>(limits_.nodes_max),
                     static_cast<double>(moves_.size()) / static_cast<double>(limits_.moves_max),
                     static_cast<double>(emptiness_steps_) / static_cast<double>(limits_.emptiness_steps_max)});
  }

 private:
  enum class Kind : uint8_t { nothing, empty, set, literal, concat, any_of, all_of, negate, repeat, number };
  enum class Emptiness : uint8_t { unknown, empty, inhabited };

  struct Node {
    Kind kind;
    bool nullable = false;
    bool may_be_empty = false;  // holds an intersection, a complement or a number
    Emptiness emptiness = Emptiness::unknown;
    uint32_t a = 0, b = 0;      // children; of a list: where in children_ and how many; of a literal: where and bytes
    uint32_t min = 0, max = 0;  // of a repeat
    uint32_t moves_at = UINT32_MAX, moves_count = 0;
    uint32_t shortest = 0;  // no text of fewer bytes is in the language
    uint32_t reach = 0;     // wherever one is inside, so many bytes can complete it; kUnbounded where it is not known
    uint64_t content = 0;
  };

  RegexId intern(Node node);
  bool is_same(const Node& x, const Node& y) const;
  uint64_t content_of(const Node& node) const;
  uint32_t shortest_of(const Node& node) const;
  uint32_t reach_of(const Node& node) const;
  void grow_table();
  RegexId list(Kind kind, std::vector<RegexId> parts, bool nullable);
  std::span<const RegexId> children(const Node& node) const { return {children_.data() + node.a, node.b}; }
  std::string_view text(const Node& node) const { return {text_.data() + node.a, node.b}; }
  RegexId suffix(uint32_t at, uint32_t bytes);
  RegexId number_at(uint32_t spec, const NumberState& state);
  void flatten(Kind kind, std::vector<RegexId>& parts) const;
  bool keep_literals_only(std::vector<RegexId>& parts, RegexId& result);
  void merge_sets(std::vector<RegexId>& parts);
  bool covers(RegexId wide, RegexId narrow, int depth);
  bool find_covers(RegexId wide, RegexId narrow, int depth);
  bool is_made_of(RegexId id, RegexId star, int depth);
  bool runs_within(RegexId narrow, RegexId wide);
  void drop_covered(std::vector<RegexId>& parts);
  bool contradict(std::vector<RegexId>& parts);
  // head unit{min,max} tail, of which every text can be cut in one way only.
  struct Counted {
    RegexId head, unit, tail;
    uint32_t min, max;
  };
  std::optional<Counted> as_counted(RegexId id);
  std::optional<Counted> find_counted(RegexId id);
  bool is_prefix_free(RegexId id);
  std::optional<RegexId> join_counts(RegexId x, RegexId y);
  void join_counts(std::vector<RegexId>& parts);
  std::vector<Move> find_moves(RegexId id);
  std::vector<Move> merge(std::span<const RegexId> parts, bool is_union);
  bool has_text(RegexId id);
  bool shares_shortest(RegexId id);
  bool follows(RegexId guide, std::vector<RegexId> others);
  bool explore(RegexId start);
  RegexId saturate(RegexId id, uint32_t bytes_max);
  // A bound on length as `head` text of `unit`s: head unit{min,max}.
  struct Length {
    RegexId head, unit;
    uint32_t min, max;
  };
  std::optional<Length> as_length(RegexId id) const;
  std::optional<RegexId> saturate_length(RegexId bound, RegexId other, uint32_t bytes_max);

  Limits limits_;
  Segmented<Node> nodes_;
  std::vector<uint32_t> table_;  // open addressing over nodes_, 0 is free
  std::vector<RegexId> children_;
  std::string text_;
  std::vector<ByteSet> sets_;
  std::vector<NumberSpec> specs_;
  std::vector<NumberState> number_states_;
  Segmented<Move> moves_;
  std::unordered_map<uint64_t, RegexId> saturated_;  // by id and bytes_max
  std::unordered_map<uint64_t, bool> covers_;        // by the wide and the narrow one
  std::unordered_map<uint64_t, bool> runs_within_;   // by the wide and the narrow one
  std::unordered_map<RegexId, bool> is_prefix_free_;
  std::unordered_map<RegexId, std::optional<Counted>> counted_;
  size_t emptiness_steps_ = 0;
  bool exhausted_ = false;
};

constexpr size_t kEmptinessSteps = 5'000;

}  // namespace mlxserving::grammar
