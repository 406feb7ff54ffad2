#include "grammar/regex_pool.h"

#include <algorithm>

namespace mlxserving::grammar {
namespace {

uint64_t mix(uint64_t hash, uint64_t value) {
  hash ^= value + 0x9E3779B97F4A7C15ULL + (hash << 6) + (hash >> 2);
  hash *= 0xFF51AFD7ED558CCDULL;
  return hash ^ (hash >> 32);
}

uint64_t mix(uint64_t hash, std::string_view text) {
  hash = mix(hash, text.size());
  for (const char c : text) hash = mix(hash, static_cast<uint8_t>(c));
  return hash;
}

uint64_t hash_of(const std::optional<Decimal>& value) { return value ? mix(17, value->text()) : 0; }

void append_move(std::vector<Move>& moves, uint8_t lo, uint8_t hi, RegexId to) {
  if (to == kNothing) return;
  if (!moves.empty() && moves.back().to == to && moves.back().hi + 1 == lo) {
    moves.back().hi = hi;
  } else {
    moves.push_back({lo, hi, to});
  }
}

std::vector<RegexId> ids_of(std::span<const MoveTarget> targets) {
  std::vector<RegexId> ids;
  ids.reserve(targets.size());
  for (const MoveTarget& target : targets) ids.push_back(target.to);
  return ids;
}

}  // namespace

RegexPool::RegexPool(const Limits& limits) : limits_(limits), table_(1024, 0) {
  nodes_.push_back({.kind = Kind::nothing, .emptiness = Emptiness::empty, .shortest = kUnbounded});
  nodes_.push_back({.kind = Kind::empty, .nullable = true, .emptiness = Emptiness::inhabited, .content = 1});
  nodes_.push_back(
      {.kind = Kind::negate, .nullable = true, .emptiness = Emptiness::inhabited, .a = kNothing, .content = 2});
}

uint64_t RegexPool::content_of(const Node& node) const {
  uint64_t hash = mix(static_cast<uint64_t>(node.kind) + 3, node.min);
  hash = mix(hash, node.max);
  switch (node.kind) {
    case Kind::nothing:
    case Kind::empty: break;
    case Kind::set:
      for (const uint64_t word : sets_[node.a].words) hash = mix(hash, word);
      break;
    case Kind::literal: hash = mix(hash, text(node)); break;
    case Kind::any_of:
    case Kind::all_of: {
      uint64_t sum = 0;  // ids order children differently in another pool
      for (const RegexId child : children(node)) sum += mix(5, nodes_[child].content);
      hash = mix(hash, sum);
      break;
    }
    case Kind::concat: hash = mix(mix(hash, nodes_[node.a].content), nodes_[node.b].content); break;
    case Kind::negate:
    case Kind::repeat: hash = mix(hash, nodes_[node.a].content); break;
    case Kind::number: {
      const NumberSpec& spec = specs_[node.a];
      const NumberState& state = number_states_[node.b];
      for (const uint64_t part :
           {hash_of(spec.min), hash_of(spec.max), uint64_t{spec.min_excluded}, uint64_t{spec.max_excluded},
            uint64_t{spec.integer}, spec.divisor, static_cast<uint64_t>(spec.divisor_scale),
            static_cast<uint64_t>(state.phase), uint64_t{state.negative}, uint64_t{state.nonzero},
            static_cast<uint64_t>(state.min_order + 1), static_cast<uint64_t>(state.max_order + 1),
            uint64_t{state.digits}, state.remainder}) {
        hash = mix(hash, part);
      }
      break;
    }
  }
  return hash;
}

uint32_t RegexPool::shortest_of(const Node& node) const {
  const auto capped = [](uint64_t bytes) { return static_cast<uint32_t>(std::min<uint64_t>(bytes, kUnbounded - 1)); };
  switch (node.kind) {
    case Kind::nothing:
    case Kind::empty: return 0;
    case Kind::set: return 1;
    case Kind::literal: return node.b;
    case Kind::concat: return capped(uint64_t{nodes_[node.a].shortest} + nodes_[node.b].shortest);
    case Kind::any_of: {
      uint32_t least = kUnbounded - 1;
      for (const RegexId child : children(node)) least = std::min(least, nodes_[child].shortest);
      return least;
    }
    case Kind::all_of: {
      uint32_t most = 0;
      for (const RegexId child : children(node)) most = std::max(most, nodes_[child].shortest);
      return most;
    }
    case Kind::repeat: return capped(uint64_t{node.min} * nodes_[node.a].shortest);
    case Kind::negate:
    case Kind::number: return node.nullable ? 0 : 1;
  }
  return 0;
}

uint32_t RegexPool::reach_of(const Node& node) const {
  const auto sum = [](uint64_t a, uint64_t b) {
    return a >= kUnbounded || b >= kUnbounded ? kUnbounded
                                              : static_cast<uint32_t>(std::min<uint64_t>(a + b, kUnbounded));
  };
  if (node.may_be_empty) return kUnbounded;
  switch (node.kind) {
    case Kind::nothing:
    case Kind::empty: return 0;
    case Kind::set: return 1;
    case Kind::literal: return node.b;
    case Kind::concat: return std::max(sum(nodes_[node.a].reach, nodes_[node.b].shortest), nodes_[node.b].reach);
    case Kind::any_of: {
      uint32_t most = 0;
      for (const RegexId child : children(node)) most = std::max(most, nodes_[child].reach);
      return most;
    }
    case Kind::repeat: {
      const uint64_t rest = uint64_t{std::max(node.min, 1U) - 1} * nodes_[node.a].shortest;
      return sum(nodes_[node.a].reach, rest);
    }
    case Kind::all_of:
    case Kind::negate:
    case Kind::number: break;
  }
  return kUnbounded;
}

bool RegexPool::is_same(const Node& x, const Node& y) const {
  if (x.kind != y.kind || x.min != y.min || x.max != y.max) return false;
  switch (x.kind) {
    case Kind::literal: return text(x) == text(y);
    case Kind::set: return sets_[x.a] == sets_[y.a];
    case Kind::any_of:
    case Kind::all_of: return std::ranges::equal(children(x), children(y));
    case Kind::number: return x.a == y.a && number_states_[x.b] == number_states_[y.b];
    default: return x.a == y.a && x.b == y.b;
  }
}

void RegexPool::grow_table() {
  std::vector<uint32_t> table(table_.size() * 2, 0);
  for (uint32_t id = 3; id < nodes_.size(); ++id) {
    size_t slot = nodes_[id].content & (table.size() - 1);
    while (table[slot] != 0) slot = (slot + 1) & (table.size() - 1);
    table[slot] = id;
  }
  table_ = std::move(table);
}

RegexId RegexPool::intern(Node node) {
  node.content = content_of(node);
  size_t slot = node.content & (table_.size() - 1);
  for (; table_[slot] != 0; slot = (slot + 1) & (table_.size() - 1)) {
    const Node& other = nodes_[table_[slot]];
    if (other.content == node.content && is_same(other, node)) return table_[slot];
  }
  if (exhausted_ || nodes_.size() >= limits_.nodes_max) {
    exhausted_ = true;
    return kNothing;
  }
  node.shortest = shortest_of(node);
  node.reach = reach_of(node);
  const auto id = static_cast<RegexId>(nodes_.size());
  nodes_.push_back(node);
  table_[slot] = id;
  if (nodes_.size() * 2 > table_.size()) grow_table();
  return id;
}

RegexId RegexPool::bytes(const ByteSet& set) {
  if (set.is_empty()) return kNothing;
  sets_.push_back(set);
  const size_t before = nodes_.size();
  const RegexId id = intern({.kind = Kind::set, .a = static_cast<uint32_t>(sets_.size() - 1)});
  if (nodes_.size() == before) sets_.pop_back();
  return id;
}

RegexId RegexPool::suffix(uint32_t at, uint32_t bytes) {
  if (bytes == 0) return kEmptyText;
  return intern({.kind = Kind::literal, .a = at, .b = bytes});
}

RegexId RegexPool::literal(std::string_view literal) {
  const auto at = static_cast<uint32_t>(text_.size());
  text_ += literal;
  return suffix(at, static_cast<uint32_t>(literal.size()));
}

RegexId RegexPool::concat(RegexId first, RegexId second) {
  if (first == kNothing || second == kNothing) return kNothing;
  if (first == kEmptyText) return second;
  if (second == kEmptyText) return first;
  if (first == kAnything && second == kAnything) return kAnything;
  const Node& head = nodes_[first];
  if (head.kind == Kind::concat) {
    const RegexId inner = head.a;  // to the right, so that equal futures are equal expressions
    return concat(inner, concat(head.b, second));
  }
  return intern({.kind = Kind::concat,
                 .nullable = head.nullable && nodes_[second].nullable,
                 .may_be_empty = head.may_be_empty || nodes_[second].may_be_empty,
                 .a = first,
                 .b = second});
}

RegexId RegexPool::concat(std::initializer_list<RegexId> parts) {
  RegexId result = kEmptyText;
  for (auto part = std::rbegin(parts); part != std::rend(parts); ++part) result = concat(*part, result);
  return result;
}

void RegexPool::flatten(Kind kind, std::vector<RegexId>& parts) const {
  std::vector<RegexId> flat;
  flat.reserve(parts.size());
  for (const RegexId part : parts) {
    if (nodes_[part].kind == kind) {
      const auto inner = children(nodes_[part]);
      flat.insert(flat.end(), inner.begin(), inner.end());
    } else {
      flat.push_back(part);
    }
  }
  std::ranges::sort(flat);
  flat.erase(std::ranges::unique(flat).begin(), flat.end());
  parts = std::move(flat);
}

RegexId RegexPool::list(Kind kind, std::vector<RegexId> parts, bool nullable) {
  bool may_be_empty = kind == Kind::all_of;
  for (const RegexId part : parts) may_be_empty = may_be_empty || nodes_[part].may_be_empty;
  const auto at = static_cast<uint32_t>(children_.size());
  children_.insert(children_.end(), parts.begin(), parts.end());
  const size_t before = nodes_.size();
  const RegexId id = intern({.kind = kind,
                             .nullable = nullable,
                             .may_be_empty = may_be_empty,
                             .a = at,
                             .b = static_cast<uint32_t>(parts.size())});
  if (nodes_.size() == before) children_.resize(at);
  return id;
}

void RegexPool::merge_sets(std::vector<RegexId>& parts) {
  ByteSet merged;
  size_t sets = 0;
  for (const RegexId part : parts) {
    if (nodes_[part].kind != Kind::set) continue;
    ++sets;
    for (size_t i = 0; i < 4; ++i) merged.words[i] |= sets_[nodes_[part].a].words[i];
  }
  if (sets < 2) return;
  std::erase_if(parts, [&](RegexId part) { return nodes_[part].kind == Kind::set; });
  parts.push_back(bytes(merged));
  std::ranges::sort(parts);
}

RegexId RegexPool::any_of(std::vector<RegexId> parts) {
  if (parts.size() == 1) return parts.front();
  flatten(Kind::any_of, parts);
  std::erase(parts, kNothing);
  merge_sets(parts);
  if (parts.size() > 1) drop_covered(parts);
  bool nullable = false;
  for (const RegexId part : parts) {
    if (part == kAnything) return kAnything;
    nullable = nullable || nodes_[part].nullable;
  }
  if (parts.size() > 1 && parts.front() == kEmptyText) {
    const bool needless =
        std::any_of(parts.begin() + 1, parts.end(), [&](RegexId part) { return nodes_[part].nullable; });
    if (needless) parts.erase(parts.begin());
  }
  if (parts.empty()) return kNothing;
  if (parts.size() == 1) return parts.front();
  return list(Kind::any_of, std::move(parts), nullable);
}

size_t RegexPool::literal_count(RegexId id) const {
  const Node& node = nodes_[id];
  if (node.kind == Kind::literal || node.kind == Kind::empty) return 1;
  if (node.kind != Kind::any_of) return 0;
  for (const RegexId child : children(node)) {
    if (nodes_[child].kind != Kind::literal && nodes_[child].kind != Kind::empty) return 0;
  }
  return node.b;
}

// A finite part decides an intersection: what of it the others match remains.
bool RegexPool::keep_literals_only(std::vector<RegexId>& parts, RegexId& result) {
  const auto finite = std::ranges::find_if(parts, [&](RegexId part) { return literal_count(part) > 0; });
  if (finite == parts.end()) return false;
  const RegexId chosen = *finite;
  std::vector<RegexId> literals{chosen};
  if (nodes_[chosen].kind == Kind::any_of)
    literals.assign(children(nodes_[chosen]).begin(), children(nodes_[chosen]).end());
  std::erase(parts, chosen);
  std::erase_if(literals, [&](RegexId literal) {
    const std::string value(nodes_[literal].kind == Kind::empty ? std::string_view() : text(nodes_[literal]));
    return !std::ranges::all_of(parts, [&](RegexId part) { return matches(part, value); });
  });
  result = any_of(std::move(literals));
  return true;
}

RegexId RegexPool::all_of(std::vector<RegexId> parts) {
  if (parts.size() == 1) return parts.front();
  flatten(Kind::all_of, parts);
  std::erase(parts, kAnything);
  if (parts.empty()) return kAnything;
  if (parts.front() == kNothing) return kNothing;
  if (parts.size() == 1) return parts.front();
  RegexId finite = kNothing;
  if (keep_literals_only(parts, finite)) return finite;
  const bool nullable = std::ranges::all_of(parts, [&](RegexId part) { return nodes_[part].nullable; });
  if (!nullable && parts.front() == kEmptyText) return kNothing;
  join_counts(parts);
  if (parts.front() == kNothing || contradict(parts)) return kNothing;
  if (parts.size() == 1) return parts.front();
  return list(Kind::all_of, std::move(parts), nullable);
}

RegexId RegexPool::negate(RegexId part) {
  const Node& node = nodes_[part];
  if (node.kind == Kind::negate) return node.a;
  if (part == kNothing) return kAnything;
  return intern({.kind = Kind::negate, .nullable = !node.nullable, .may_be_empty = true, .a = part});
}

RegexId RegexPool::repeat(RegexId part, uint32_t min, uint32_t max) {
  if (max == 0 || part == kEmptyText) return kEmptyText;
  if (part == kNothing) return min == 0 ? kEmptyText : kNothing;
  if (min == 1 && max == 1) return part;
  const Node& node = nodes_[part];
  if (node.nullable) min = 0;
  if (part == kAnything) return kAnything;
  if (node.kind == Kind::repeat && node.min == 0 && node.max == kUnbounded) return part;
  return intern({.kind = Kind::repeat,
                 .nullable = min == 0,
                 .may_be_empty = node.may_be_empty,
                 .a = part,
                 .min = min,
                 .max = max});
}

RegexId RegexPool::number_at(uint32_t spec, const NumberState& state) {
  number_states_.push_back(state);
  const size_t before = nodes_.size();
  const RegexId id = intern({.kind = Kind::number,
                             .nullable = is_number(specs_[spec], state),
                             .may_be_empty = true,
                             .a = spec,
                             .b = static_cast<uint32_t>(number_states_.size() - 1)});
  if (nodes_.size() == before) number_states_.pop_back();
  return id;
}

RegexId RegexPool::number(const NumberSpec& spec) {
  specs_.push_back(spec);
  return number_at(static_cast<uint32_t>(specs_.size() - 1), {});
}

std::vector<Move> RegexPool::merge(std::span<const RegexId> parts, bool is_union) {
  std::vector<std::span<const Move>> lists;
  lists.reserve(parts.size());
  for (const RegexId part : parts) lists.push_back(moves(part));
  std::vector<Move> result;
  std::vector<std::pair<std::vector<RegexId>, RegexId>> joined;  // few of the ranges differ in where they lead
  sweep(lists, [&](uint8_t lo, uint8_t hi, std::span<const MoveTarget> targets) {
    if (targets.empty() || (!is_union && targets.size() < parts.size())) return;
    std::vector<RegexId> ids = ids_of(targets);
    auto known = std::ranges::find(joined, ids, &std::pair<std::vector<RegexId>, RegexId>::first);
    if (known == joined.end()) {
      const RegexId to = is_union ? any_of(ids) : all_of(ids);
      known = joined.insert(joined.end(), {std::move(ids), to});
    }
    append_move(result, lo, hi, known->second);
  });
  return result;
}

std::vector<Move> RegexPool::find_moves(RegexId id) {
  const Node node = nodes_[id];
  std::vector<Move> result;
  switch (node.kind) {
    case Kind::nothing:
    case Kind::empty: break;
    case Kind::set: {
      const ByteSet set = sets_[node.a];
      for (unsigned byte = 0; byte < 256; ++byte) {
        if (set.has(static_cast<uint8_t>(byte)))
          append_move(result, static_cast<uint8_t>(byte), static_cast<uint8_t>(byte), kEmptyText);
      }
      break;
    }
    case Kind::literal: {
      const auto byte = static_cast<uint8_t>(text_[node.a]);
      append_move(result, byte, byte, suffix(node.a + 1, node.b - 1));
      break;
    }
    case Kind::concat: {
      std::vector<Move> first;
      for (const Move& move : moves(node.a)) append_move(first, move.lo, move.hi, concat(move.to, node.b));
      if (!nodes_[node.a].nullable) return first;
      const std::array<std::span<const Move>, 2> lists{first, moves(node.b)};
      sweep(lists, [&](uint8_t lo, uint8_t hi, std::span<const MoveTarget> targets) {
        append_move(result, lo, hi, any_of(ids_of(targets)));
      });
      break;
    }
    case Kind::any_of:
    case Kind::all_of: {
      const std::vector<RegexId> parts(children(node).begin(), children(node).end());
      result = merge(parts, node.kind == Kind::any_of);
      break;
    }
    case Kind::negate: {
      unsigned next = 0;
      for (const Move& move : moves(node.a)) {
        if (next < move.lo)
          append_move(result, static_cast<uint8_t>(next), static_cast<uint8_t>(move.lo - 1), kAnything);
        append_move(result, move.lo, move.hi, negate(move.to));
        next = move.hi + 1U;
      }
      if (next < 256) append_move(result, static_cast<uint8_t>(next), 255, kAnything);
      break;
    }
    case Kind::repeat: {
      const RegexId rest =
          repeat(node.a, node.min == 0 ? 0 : node.min - 1, node.max == kUnbounded ? kUnbounded : node.max - 1);
      for (const Move& move : moves(node.a)) append_move(result, move.lo, move.hi, concat(move.to, rest));
      break;
    }
    case Kind::number: {
      static constexpr std::string_view kBytes = "-.0123456789";
      for (const char c : kBytes) {
        const auto byte = static_cast<uint8_t>(c);
        if (const auto next = step(specs_[node.a], number_states_[node.b], byte))
          append_move(result, byte, byte, number_at(node.a, *next));
      }
      break;
    }
  }
  return result;
}

std::span<const Move> RegexPool::moves(RegexId id) {
  if (nodes_[id].moves_at == UINT32_MAX) {
    const std::vector<Move> found = find_moves(id);
    if (moves_.size() + found.size() > limits_.moves_max) {
      exhausted_ = true;
      return {};
    }
    nodes_[id].moves_at = static_cast<uint32_t>(moves_.push_run(found));
    nodes_[id].moves_count = static_cast<uint32_t>(found.size());
  }
  return moves_.run(nodes_[id].moves_at, nodes_[id].moves_count);
}

RegexId RegexPool::derive(RegexId id, uint8_t byte) {
  for (const Move& move : moves(id)) {
    if (byte < move.lo) break;
    if (byte <= move.hi) return move.to;
  }
  return kNothing;
}

Move RegexPool::move_at(RegexId id, uint8_t byte) {
  const Node node = nodes_[id];
  switch (node.kind) {
    case Kind::concat: {
      if (nodes_[node.a].nullable) break;
      const Move first = move_at(node.a, byte);
      return {first.lo, first.hi, concat(first.to, node.b)};
    }
    case Kind::negate: {
      const Move inner = move_at(node.a, byte);
      return {inner.lo, inner.hi, negate(inner.to)};
    }
    case Kind::any_of:
    case Kind::all_of: {
      if (node.moves_at != UINT32_MAX) break;
      Move result{0, 255, kNothing};
      std::vector<RegexId> to(children(node).begin(), children(node).end());
      for (RegexId& part : to) {
        const Move move = move_at(part, byte);
        result.lo = std::max(result.lo, move.lo);
        result.hi = std::min(result.hi, move.hi);
        part = move.to;
      }
      result.to = node.kind == Kind::any_of ? any_of(std::move(to)) : all_of(std::move(to));
      return result;
    }
    default: break;
  }
  Move result{0, 255, kNothing};
  const auto list = moves(id);
  const auto next = std::ranges::lower_bound(list, byte, {}, &Move::hi);
  if (next != list.begin()) result.lo = static_cast<uint8_t>(std::prev(next)->hi + 1);
  if (next == list.end()) return result;
  if (next->lo <= byte) return *next;
  result.hi = static_cast<uint8_t>(next->lo - 1);
  return result;
}

bool RegexPool::matches(RegexId id, std::string_view value) {
  for (const char c : value) {
    if (id == kNothing) return false;
    id = derive(id, static_cast<uint8_t>(c));
  }
  return nodes_[id].nullable;
}

RegexId RegexPool::saturated(RegexId id, uint32_t bytes_max) {
  const uint64_t key = (uint64_t{id} << 32) | bytes_max;
  if (const auto found = saturated_.find(key); found != saturated_.end()) return found->second;
  const RegexId result = saturate(id, bytes_max);
  saturated_.emplace(key, result);
  return result;
}

RegexId RegexPool::saturate(RegexId id, uint32_t bytes_max) {
  const Node node = nodes_[id];
  switch (node.kind) {
    case Kind::concat: return concat(saturated(node.a, bytes_max), saturated(node.b, bytes_max));
    case Kind::any_of: {
      std::vector<RegexId> parts(children(node).begin(), children(node).end());
      for (RegexId& part : parts) part = saturated(part, bytes_max);
      return any_of(std::move(parts));
    }
    case Kind::repeat: {
      const RegexId part = saturated(node.a, bytes_max);
      const uint32_t min = std::min(node.min, bytes_max + 1);
      const uint32_t repeats_max = bytes_max / std::max(nodes_[node.a].shortest, 1U);
      return repeat(part, min, node.max > repeats_max ? kUnbounded : node.max);
    }
    case Kind::all_of: {
      const std::vector<RegexId> parts(children(node).begin(), children(node).end());
      if (parts.size() != 2) return id;
      for (const size_t i : {0, 1}) {
        if (const auto found = saturate_length(parts[i], parts[1 - i], bytes_max)) return *found;
      }
      return id;
    }
    default: return id;
  }
}

std::optional<RegexPool::Length> RegexPool::as_length(RegexId id) const {
  const Node& node = nodes_[id];
  const bool is_inside = node.kind == Kind::concat;
  const Node& repeat = nodes_[is_inside ? node.b : id];
  if (repeat.kind != Kind::repeat || repeat.max == kUnbounded) return std::nullopt;
  return Length{is_inside ? node.a : kEmptyText, repeat.a, repeat.min, repeat.max};
}

// `bound` and `other` where the bound on length cannot matter: `other` consists of the bound's units, needs no more of
// them than are left after `bytes_max` bytes wherever it is then, and too few are no concern either.
std::optional<RegexId> RegexPool::saturate_length(RegexId bound, RegexId other, uint32_t bytes_max) {
  const auto length = as_length(bound);
  const uint32_t reach = nodes_[other].reach;
  if (!length || reach == kUnbounded || uint64_t{bytes_max} + reach >= length->max) return std::nullopt;
  if (length->min > (length->head == kEmptyText ? 1 : 0)) return std::nullopt;
  const RegexId free = saturated(other, bytes_max);
  if (!is_empty(minus(free, concat(length->head, repeat(length->unit, 0, kUnbounded))))) return std::nullopt;
  return all_of({concat(length->head, repeat(length->unit, length->min, kUnbounded)), free});
}

}  // namespace mlxserving::grammar
