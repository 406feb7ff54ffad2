// What RegexPool sees of one language being within another, to keep unions and intersections short.
#include <algorithm>

#include "grammar/regex_pool.h"

namespace mlxserving::grammar {
namespace {

constexpr size_t kCoversMax = size_t{1} << 17;  // remembered
constexpr int kCoverDepth = 12;                 // of what is looked into to see that one language is within another

}  // namespace

// Whether every text of `narrow` is plainly one of `wide`: as far as its structure tells, so "no" proves nothing.
bool RegexPool::covers(RegexId wide, RegexId narrow, int depth) {
  if (wide == narrow || wide == kAnything || narrow == kNothing) return true;
  if (depth == 0 || (nodes_[narrow].nullable && !nodes_[wide].nullable)) return false;
  if (narrow == kEmptyText) return true;
  const uint64_t key = (uint64_t{wide} << 32) | narrow;
  if (const auto found = covers_.find(key); found != covers_.end()) return found->second;
  const bool result = find_covers(wide, narrow, depth);
  if (covers_.size() >= kCoversMax) covers_.clear();
  covers_[key] = result;
  return result;
}

bool RegexPool::find_covers(RegexId wide, RegexId narrow, int depth) {
  struct Split {
    RegexId head, unit, rest;
    uint32_t min, max;
  };
  const auto split = [&](RegexId id) {
    const bool is_concat = nodes_[id].kind == Kind::concat;
    const RegexId head = is_concat ? nodes_[id].a : id;
    const RegexId rest = is_concat ? nodes_[id].b : kEmptyText;
    const Node& node = nodes_[head];
    if (node.kind == Kind::repeat) return Split{head, node.a, rest, node.min, node.max};
    return Split{head, head, rest, 1, 1};
  };
  const auto any_child = [&](RegexId id, const auto& holds) {
    const std::vector<RegexId> parts(children(nodes_[id]).begin(), children(nodes_[id]).end());
    return std::ranges::any_of(parts, holds);
  };
  if (nodes_[narrow].kind == Kind::any_of)
    return !any_child(narrow, [&](RegexId part) { return !covers(wide, part, depth - 1); });
  if (nodes_[wide].kind == Kind::any_of)
    return any_child(wide, [&](RegexId part) { return covers(part, narrow, depth - 1); });
  if (nodes_[narrow].kind == Kind::all_of)
    return any_child(narrow, [&](RegexId part) { return covers(wide, part, depth - 1); });
  const Split w = split(wide), n = split(narrow);
  if (w.unit == n.unit && w.min <= n.min && n.max <= w.max && covers(w.rest, n.rest, depth - 1)) return true;
  if (w.min > 0) return false;
  if (w.rest != kEmptyText && covers(w.rest, narrow, depth - 1)) return true;
  return w.max == kUnbounded && is_made_of(n.head, w.head, depth) && covers(wide, n.rest, depth - 1);
}

// Whether every text is a row of the units that `star` repeats freely; "no" proves nothing.
bool RegexPool::is_made_of(RegexId id, RegexId star, int depth) {
  const Node node = nodes_[id];
  if (id == star || id == nodes_[star].a) return true;
  if (depth == 0) return false;
  switch (node.kind) {
    case Kind::repeat: return is_made_of(node.a, star, depth - 1);
    case Kind::all_of: {
      const std::vector<RegexId> parts(children(node).begin(), children(node).end());
      return std::ranges::any_of(parts, [&](RegexId part) { return is_made_of(part, star, depth - 1); });
    }
    case Kind::concat:
      if (is_made_of(node.a, star, depth - 1)) return is_made_of(node.b, star, depth - 1);
      break;
    default: break;
  }
  return runs_within(id, star);
}

// Whether every text of `narrow` is one of `wide`, told by following both through all texts; "no" proves nothing.
bool RegexPool::runs_within(RegexId narrow, RegexId wide) {
  constexpr size_t kPairsMax = 64;
  const uint64_t key = (uint64_t{wide} << 32) | narrow;
  if (const auto found = runs_within_.find(key); found != runs_within_.end()) return found->second;
  std::vector<std::pair<RegexId, RegexId>> seen{{narrow, wide}};
  bool holds = true;
  for (size_t i = 0; i < seen.size() && holds; ++i) {
    const auto [n, w] = seen[i];
    holds = seen.size() <= kPairsMax && w != kNothing && (!nodes_[n].nullable || nodes_[w].nullable);
    if (!holds) break;
    const std::array<std::span<const Move>, 2> lists{moves(n), moves(w)};
    sweep(lists, [&](uint8_t, uint8_t, std::span<const MoveTarget> targets) {
      if (targets.empty() || targets[0].list != 0) return;
      const std::pair next(targets[0].to, targets.size() > 1 ? targets[1].to : kNothing);
      if (std::ranges::find(seen, next) == seen.end()) seen.push_back(next);
    });
  }
  if (runs_within_.size() >= kCoversMax) runs_within_.clear();
  return runs_within_[key] = holds && !exhausted_;
}

// Counted repeats that overlap themselves leave one part for every place at which they may have begun; mostly the last
// to end covers the others.
void RegexPool::drop_covered(std::vector<RegexId>& parts) {
  constexpr size_t kPartsMax = 300;
  const auto is_counted = [&](RegexId id) {
    const Node& node = nodes_[nodes_[id].kind == Kind::concat ? nodes_[id].a : id];
    return node.kind == Kind::repeat;
  };
  std::vector<RegexId> counted;
  std::ranges::copy_if(parts, std::back_inserter(counted), is_counted);
  if (counted.empty() || parts.size() > kPartsMax) return;
  std::vector<RegexId> dropped;
  for (const RegexId wide : counted) {
    for (const RegexId narrow : parts) {
      if (wide == narrow || std::ranges::find(dropped, wide) != dropped.end()) continue;
      if (covers(wide, narrow, kCoverDepth)) dropped.push_back(narrow);
    }
  }
  std::erase_if(parts, [&](RegexId part) { return std::ranges::find(dropped, part) != dropped.end(); });
}

// Drops parts that others are within; true where one is within what another excludes.
bool RegexPool::contradict(std::vector<RegexId>& parts) {
  constexpr size_t kPartsMax = 32;
  if (parts.size() > kPartsMax) return false;
  const auto excludes = [&](RegexId part) { return nodes_[part].kind == Kind::negate; };
  const auto is_star = [&](RegexId part) {
    const Node& node = nodes_[nodes_[part].kind == Kind::concat ? nodes_[part].a : part];
    return node.kind == Kind::repeat && node.min == 0 && node.max == kUnbounded;
  };
  const auto repeats_freely = [&](RegexId part) {
    return is_star(part) || (nodes_[part].kind == Kind::concat && is_star(nodes_[part].b));
  };
  std::vector<RegexId> needless;
  for (const RegexId x : parts) {
    if (!excludes(x) && !repeats_freely(x)) continue;  // plainly no wide one
    for (const RegexId y : parts) {
      if (x == y || std::ranges::find(needless, x) != needless.end()) continue;
      if (excludes(x) && !excludes(y) && covers(nodes_[x].a, y, kCoverDepth)) return true;
      const bool is_needless = excludes(x) && excludes(y) ? covers(nodes_[y].a, nodes_[x].a, kCoverDepth)
                                                          : !excludes(x) && !excludes(y) && covers(x, y, kCoverDepth);
      if (is_needless && std::ranges::find(needless, y) == needless.end()) needless.push_back(x);
    }
  }
  std::erase_if(parts, [&](RegexId part) { return std::ranges::find(needless, part) != needless.end(); });
  return false;
}

// No text is a proper prefix of another; "no" proves nothing.
bool RegexPool::is_prefix_free(RegexId id) {
  constexpr size_t kStatesMax = 200;
  if (const auto found = is_prefix_free_.find(id); found != is_prefix_free_.end()) return found->second;
  std::vector<RegexId> seen{id};
  bool holds = !nodes_[id].may_be_empty;
  for (size_t i = 0; i < seen.size() && holds; ++i) {
    const auto next = moves(seen[i]);
    holds = seen.size() < kStatesMax && (!nodes_[seen[i]].nullable || next.empty());
    for (const Move& move : next) {
      if (std::ranges::find(seen, move.to) == seen.end()) seen.push_back(move.to);
    }
  }
  return is_prefix_free_[id] = holds && !exhausted_;
}

std::optional<RegexPool::Counted> RegexPool::as_counted(RegexId id) {
  if (nodes_[id].kind != Kind::repeat && nodes_[id].kind != Kind::concat) return std::nullopt;
  if (const auto found = counted_.find(id); found != counted_.end()) return found->second;
  return counted_[id] = find_counted(id);
}

std::optional<RegexPool::Counted> RegexPool::find_counted(RegexId id) {
  const auto is_repeat = [&](RegexId part) { return nodes_[part].kind == Kind::repeat; };
  RegexId head = kEmptyText, rest = id;
  if (nodes_[id].kind == Kind::concat && !is_repeat(nodes_[id].a)) {
    head = nodes_[id].a;
    rest = nodes_[id].b;
  }
  const bool has_tail = nodes_[rest].kind == Kind::concat;
  const RegexId repeat = has_tail ? nodes_[rest].a : rest;
  if (!is_repeat(repeat)) return std::nullopt;
  const Counted found{head, nodes_[repeat].a, has_tail ? nodes_[rest].b : kEmptyText, nodes_[repeat].min,
                      nodes_[repeat].max};
  if (nodes_[found.unit].nullable || !is_prefix_free(found.head) || !is_prefix_free(found.unit)) return std::nullopt;
  if (found.tail != kEmptyText && nodes_[found.tail].nullable) return std::nullopt;
  const std::array<std::span<const Move>, 2> firsts{moves(found.unit), moves(found.tail)};
  bool is_clear = !exhausted_;
  sweep(firsts,
        [&](uint8_t, uint8_t, std::span<const MoveTarget> targets) { is_clear = is_clear && targets.size() < 2; });
  return is_clear ? std::optional(found) : std::nullopt;
}

// The intersection of two languages that count the same units, the second perhaps excluded: again counts.
std::optional<RegexId> RegexPool::join_counts(RegexId x, RegexId y) {
  const bool excludes = nodes_[y].kind == Kind::negate;
  const auto a = as_counted(x), b = as_counted(excludes ? nodes_[y].a : y);
  if (!a || !b || a->head != b->head || a->unit != b->unit || a->tail != b->tail) return std::nullopt;
  const auto counted = [&](uint32_t min, uint32_t max) {
    return min > max ? kNothing : concat({a->head, repeat(a->unit, min, max), a->tail});
  };
  if (!excludes) return counted(std::max(a->min, b->min), std::min(a->max, b->max));
  const RegexId fewer = b->min == 0 ? kNothing : counted(a->min, std::min(a->max, b->min - 1));
  const RegexId more = b->max == kUnbounded ? kNothing : counted(std::max(a->min, b->max + 1), a->max);
  return any_of({fewer, more});
}

void RegexPool::join_counts(std::vector<RegexId>& parts) {
  for (size_t i = 0; i < parts.size(); ++i) {
    for (size_t k = 0; k < parts.size(); ++k) {
      if (i == k || nodes_[parts[i]].kind == Kind::negate) continue;
      const auto joined = join_counts(parts[i], parts[k]);
      if (!joined) continue;
      parts[i] = *joined;
      parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(k));
      return join_counts(parts);
    }
  }
  std::ranges::sort(parts);
}

}  // namespace mlxserving::grammar
