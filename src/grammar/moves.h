// Where bytes lead, as ranges, and the one walk over several such lists side by side.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace mlxserving::grammar {

using RegexId = uint32_t;

// Where the bytes lo..hi lead.
struct Move {
  uint8_t lo, hi;
  RegexId to;
};

// Calls visit(lo, hi, targets) for each range of bytes within which no list has a border, in order, until 255; a target
// is {the list's index, where it leads}, of the lists that go on there. Lists are sorted and disjoint.
struct MoveTarget {
  uint32_t list;
  RegexId to;
};

template <typename Visit>
void sweep(std::span<const std::span<const Move>> lists, const Visit& visit) {
  std::vector<size_t> next(lists.size(), 0);
  std::vector<MoveTarget> targets;
  for (unsigned lo = 0; lo < 256;) {
    unsigned end = 256;
    targets.clear();
    for (uint32_t i = 0; i < lists.size(); ++i) {
      while (next[i] < lists[i].size() && lists[i][next[i]].hi < lo) ++next[i];
      if (next[i] == lists[i].size()) continue;
      const Move& move = lists[i][next[i]];
      end = std::min(end, move.lo > lo ? move.lo : move.hi + 1U);
      if (move.lo <= lo) targets.push_back({i, move.to});
    }
    visit(static_cast<uint8_t>(lo), static_cast<uint8_t>(end - 1), std::span<const MoveTarget>(targets));
    lo = end;
  }
}

}  // namespace mlxserving::grammar
