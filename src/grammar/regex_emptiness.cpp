// Whether a language of a RegexPool has any text.
#include <algorithm>
#include <queue>
#include <unordered_map>

#include "grammar/regex_pool.h"

namespace mlxserving::grammar {

bool RegexPool::is_empty(RegexId id) {
  Node& node = nodes_[id];
  if (node.emptiness == Emptiness::unknown) {
    const bool has_some = node.nullable || !node.may_be_empty || has_text(id);
    node.emptiness = has_some ? Emptiness::inhabited : Emptiness::empty;
  }
  return node.emptiness == Emptiness::empty;
}

bool RegexPool::has_text(RegexId id) {
  if (nodes_[id].kind == Kind::concat) {
    for (; nodes_[id].kind == Kind::concat; id = nodes_[id].b) {
      if (is_empty(nodes_[id].a)) return false;
    }
    return !is_empty(id);
  }
  const Node& node = nodes_[id];
  switch (node.kind) {
    case Kind::any_of: {
      const std::vector<RegexId> parts(children(node).begin(), children(node).end());
      return std::ranges::any_of(parts, [&](RegexId part) { return !is_empty(part); });
    }
    case Kind::repeat: return !is_empty(node.a);
    case Kind::all_of: return shares_shortest(id) || explore(id);
    default: return explore(id);
  }
}

// Whether a text of one part that ends soon is in all the others: the usual case, found without states of the
// intersection.
bool RegexPool::shares_shortest(RegexId id) {
  const std::vector<RegexId> parts(children(nodes_[id]).begin(), children(nodes_[id]).end());
  return std::ranges::any_of(parts,
                             [&](RegexId part) { return nodes_[part].kind != Kind::negate && follows(part, parts); });
}

bool RegexPool::follows(RegexId guide, std::vector<RegexId> others) {
  constexpr int kBytesMax = 64;
  std::vector<RegexId> next(others.size()), best_others;
  const auto can_follow = [&](uint8_t byte) {
    for (size_t i = 0; i < others.size(); ++i) {
      next[i] = derive(others[i], byte);
      if (next[i] == kNothing) return false;
    }
    return true;
  };
  for (int bytes = 0; bytes < kBytesMax; ++bytes) {
    if (nodes_[guide].nullable) break;
    const uint32_t left = nodes_[guide].shortest - 1;
    std::optional<Move> best;
    for (const Move& move : moves(guide)) {
      const uint32_t needs = nodes_[move.to].shortest;
      if ((best && needs >= nodes_[best->to].shortest) || !can_follow(move.lo)) continue;
      best = move;
      best_others = next;
      if (needs <= left) break;
    }
    if (!best) return false;
    guide = best->to;
    others = best_others;
  }
  return std::ranges::all_of(others, [&](RegexId other) { return nodes_[other].nullable; });
}

// Searches the derivatives for one that is nullable, nearest to its end first, and remembers what it learned of all it
// saw.
bool RegexPool::explore(RegexId start) {
  struct Open {
    uint32_t shortest, depth;
    RegexId id;
    bool operator<(const Open& other) const {
      return shortest != other.shortest ? shortest > other.shortest : depth > other.depth;
    }
  };
  std::unordered_map<RegexId, RegexId> parent{{start, start}};
  std::priority_queue<Open> open;
  open.push({nodes_[start].shortest, 0, start});
  const auto note_path = [&](RegexId at) {
    for (;; at = parent[at]) {
      nodes_[at].emptiness = Emptiness::inhabited;
      if (at == start) return;
    }
  };
  while (!open.empty() && parent.size() < kEmptinessSteps && !exhausted_ &&
         emptiness_steps_ < limits_.emptiness_steps_max) {
    ++emptiness_steps_;
    const Open at = open.top();
    open.pop();
    const Node& node = nodes_[at.id];
    if (node.emptiness == Emptiness::empty) continue;
    if (node.nullable || node.emptiness == Emptiness::inhabited || !node.may_be_empty) {
      note_path(at.id);
      return true;
    }
    for (const Move& move : moves(at.id)) {
      if (parent.emplace(move.to, at.id).second) open.push({nodes_[move.to].shortest, at.depth + 1, move.to});
    }
  }
  if (!open.empty() || exhausted_) {
    nodes_[start].emptiness = Emptiness::inhabited;
    return true;
  }
  for (const auto& [seen, from] : parent) nodes_[seen].emptiness = Emptiness::empty;
  return false;
}

}  // namespace mlxserving::grammar
