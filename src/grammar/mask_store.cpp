#include "grammar/mask_store.h"

#include <algorithm>
#include <array>

namespace mlxserving::grammar {
namespace {

constexpr uint32_t kRoots = 0;  // the node set of all tokens

constexpr uint8_t kUnknown = 0xFF;
constexpr size_t kFreePlacesMax = 128;  // looked at to tell what can follow one state
constexpr size_t kFreeStatesMax = 64;   // made for that: where there are more, the states are what costs
constexpr int kFreeFuel = 800;          // of one walk over the vocabulary, in such places

uint64_t pair_key(uint32_t a, uint32_t b) { return (uint64_t{a} << 32) | b; }

void set_bit(std::span<uint64_t> mask, TokenId token) { mask[token >> 6] |= uint64_t{1} << (token & 63); }

}  // namespace

MaskStore::MaskStore(Machine& machine, std::shared_ptr<const Vocabulary> vocabulary, const Limits& limits)
    : machine_(machine), vocabulary_(std::move(vocabulary)), limits_(limits), node_sets_(1) {}

void MaskStore::forget_if_large() {
  if (bytes_ < limits_.bytes_max) return;
  walks_.clear();
  pieces_.clear();
  after_.clear();
  node_sets_.resize(1);
  node_set_index_.clear();
  bytes_ = 0;
}

void MaskStore::add(const Config& config, std::span<uint64_t> mask) {
  if (config.lex == kEnd || config.lex == kDead) return;
  forget_if_large();
  const Pieces& found = pieces(kRoots, config.lex, config.context);
  for (const auto& shared : found.shared) {
    for (size_t i = 0; i < shared->tokens.size(); ++i) mask[i] |= shared->tokens[i];
  }
  for (const TokenId token : found.tokens) set_bit(mask, token);
}

const std::vector<Config>& MaskStore::after(LexId lex, ContextId context) {
  auto& entry = after_[pair_key(lex, context)];
  if (entry) return *entry;
  auto out = std::make_unique<std::vector<Config>>();
  machine_.leave({.lex = lex, .context = context}, *out);
  bytes_ += 64 + out->size() * sizeof(Config);
  entry = std::move(out);
  return *entry;
}

const MaskStore::Pieces& MaskStore::pieces(NodeSetId nodes, LexId lex, ContextId context) {
  const PieceKey key{nodes, lex, context};
  if (const auto* found = pieces_.find(key)) return **found;
  auto result = std::make_unique<Pieces>();
  const auto take = [&](const Pieces& more) {
    result->shared.insert(result->shared.end(), more.shared.begin(), more.shared.end());
    result->tokens.insert(result->tokens.end(), more.tokens.begin(), more.tokens.end());
  };
  const Walk& found = walk(nodes, lex);
  if (found.shared) result->shared.push_back(found.shared);
  result->tokens = found.tokens;
  std::vector<Exit> exits = found.exits;
  // Complete before any byte: what follows has the same tokens to choose from.
  if (machine_.lexicon().is_complete(lex)) exits.push_back({lex, nodes});
  for (const Exit& exit : exits) {
    const std::vector<Config> next = after(exit.lex, context);
    if (!next.empty() && exit.nodes != nodes && !machine_.lexicon().goes_on(exit.lex)) {
      // The tokens that end where the terminal does.
      for (const uint32_t node : node_sets_[exit.nodes]) {
        const auto trie = vocabulary_->nodes();
        const auto tokens = vocabulary_->trie_tokens().subspan(trie[node].tokens_from,
                                                               trie[node + 1].tokens_from - trie[node].tokens_from);
        result->tokens.insert(result->tokens.end(), tokens.begin(), tokens.end());
      }
    }
    for (const Config& config : next) {
      if (config.lex != kEnd && config.lex != kDead) take(pieces(exit.nodes, config.lex, config.context));
    }
  }
  if (result->shared.size() > 1) {
    std::ranges::sort(result->shared);
    result->shared.erase(std::ranges::unique(result->shared).begin(), result->shared.end());
  }
  bytes_ += 128 + result->tokens.size() * sizeof(TokenId);
  return *(pieces_[key] = std::move(result));
}

const MaskStore::Walk& MaskStore::walk(NodeSetId nodes, LexId lex) {
  const uint64_t key = pair_key(nodes, lex);
  if (const auto* found = walks_.find(key)) return **found;
  auto result =
      std::make_unique<Walk>(nodes == kRoots ? walk_root(lex) : walk_nodes(std::vector(node_sets_[nodes]), lex));
  bytes_ += 128 + result->tokens.size() * sizeof(TokenId) + result->exits.size() * sizeof(Exit);
  return *(walks_[key] = std::move(result));
}

// At least so many bytes of text of the kind can follow; less than can where the fuel of the walk is used up.
uint8_t MaskStore::free_bytes(LexId lex, size_t kind) {
  if (lex < free_bytes_.size() && free_bytes_[lex][kind] != kUnknown) return free_bytes_[lex][kind];
  if (free_fuel_ <= 0) return 0;
  const uint8_t found = find_free_bytes(lex, static_cast<TextKind>(kind));
  if (lex >= free_bytes_.size()) {
    std::array<uint8_t, kTextKinds> unknown{};
    unknown.fill(kUnknown);
    free_bytes_.resize(machine_.lexicon().states() + 64, unknown);
  }
  return free_bytes_[lex][kind] = found;
}

// Breadth first over the states that text of the kind leads to, up to the first that is an end.
uint8_t MaskStore::find_free_bytes(LexId start, TextKind kind) {
  struct Place {
    LexId lex;
    InsideCharacter inside;
    bool operator==(const Place&) const = default;
  };
  Lexicon& lexicon = machine_.lexicon();
  const auto is_end = [&](LexId lex) { return lex == kDead || lexicon.is_complete(lex) || !lexicon.goes_on(lex); };
  std::vector<Place> seen{{start, 0}};
  size_t begin = 0;
  const size_t states = lexicon.states();
  for (uint8_t bytes = 0; bytes < Vocabulary::kShortBytes; ++bytes) {
    const size_t end = seen.size();
    if (begin == end) break;  // nothing new: no text is too long
    for (; begin < end; ++begin) {
      if (seen.size() > kFreePlacesMax || lexicon.states() > states + kFreeStatesMax) {
        free_fuel_ = 0;  // this walk asks no more
        return bytes;
      }
      const Place from = seen[begin];
      --free_fuel_;
      Place last{kDead, kNotText};
      for (unsigned byte = 0; byte < 256; ++byte) {
        const InsideCharacter inside = step(kind, from.inside, static_cast<uint8_t>(byte));
        if (inside == kNotText) continue;
        const Place to{lexicon.step(from.lex, static_cast<uint8_t>(byte)), inside};
        if (to == last) continue;
        if (is_end(to.lex)) return bytes;
        last = to;
        if (std::ranges::find(seen, to) == seen.end()) seen.push_back(to);
      }
    }
  }
  return Vocabulary::kShortBytes;
}

// Calls accept(from, to) for runs of trie tokens that stay inside the language, complete(lex, node) where it is
// complete at a node.
template <typename Accept, typename Complete>
void MaskStore::traverse(uint32_t root, LexId lex, const Accept& accept, const Complete& complete) {
  const auto nodes = vocabulary_->nodes();
  Lexicon& lexicon = machine_.lexicon();
  if (!lexicon.goes_on(lex)) return;
  struct Place {
    LexId lex;
    const Lexicon::Row* row;
  };
  std::vector<Place> places(nodes[root].height + size_t{1});  // by depth below the root
  places[0] = {lex, &lexicon.row(lex)};
  const uint32_t base = nodes[root].depth, end = nodes[root].end;
  uint32_t run = nodes[root + 1].tokens_from;  // where what is accepted begins
  for (uint32_t at = root + 1; at < end;) {
    const TrieNode& node = nodes[at];
    const uint32_t depth = node.depth - base;
    const Place& above = places[depth - 1];
    const LexId next = lexicon.step(above.lex, *above.row, node.byte);
    if (lexicon.is_complete(next)) complete(next, at);
    if (!lexicon.goes_on(next)) {
      if (run < node.tokens_from) accept(run, node.tokens_from);
      run = nodes[node.end].tokens_from;
      at = node.end;
    } else if (node.height == 0) {
      ++at;
    } else if (node.kind_below < kTextKinds && free_bytes(next, node.kind_below) >= node.height) {
      at = node.end;
    } else {
      if (places[depth].lex != next) places[depth] = {next, &lexicon.row(next)};
      ++at;
    }
  }
  if (run < nodes[end].tokens_from) accept(run, nodes[end].tokens_from);
}

SharedMask MaskStore::walk_all(LexId lex) {
  SharedMask mask{.tokens = TokenBits(vocabulary_->mask_words()), .complete = {}};
  const auto trie_tokens = vocabulary_->trie_tokens();
  const auto walk_from = [&](uint32_t root) {
    traverse(
        root, lex,
        [&](uint32_t from, uint32_t to) {
          for (uint32_t i = from; i < to; ++i) set_bit(mask.tokens, trie_tokens[i]);
        },
        [&](LexId, uint32_t node) { mask.complete.push_back(node); });
  };
  free_fuel_ = kFreeFuel;
  const bool is_free = machine_.lexicon().goes_on(lex) &&
                       free_bytes(lex, static_cast<size_t>(TextKind::utf8)) >= Vocabulary::kShortBytes;
  if (is_free) {
    mask.tokens = vocabulary_->plain_tokens();
  } else {
    walk_from(vocabulary_->plain_root());
  }
  walk_from(vocabulary_->other_root());
  return mask;
}

std::shared_ptr<const SharedMask> MaskStore::shared_mask(LexId lex) {
  const uint64_t key = machine_.lexicon().content_hash(lex);
  if (auto found = vocabulary_->find_mask(key)) return found;
  auto mask = std::make_shared<const SharedMask>(walk_all(lex));
  vocabulary_->keep_mask(key, mask);
  return mask;
}

MaskStore::Walk MaskStore::walk_root(LexId lex) {
  Walk result;
  Lexicon& lexicon = machine_.lexicon();
  // Short tokens cannot tell the two apart, so what follows them is the same too.
  const LexId saturated = lexicon.saturated(lex, Vocabulary::kShortBytes);
  result.shared = shared_mask(saturated);
  const auto trie_tokens = vocabulary_->trie_tokens();
  std::vector<std::pair<LexId, uint32_t>> found;
  std::string_view previous;
  std::array<LexId, Vocabulary::kShortBytes + 1> states{};
  states[0] = saturated;
  for (const uint32_t node : result.shared->complete) {
    const std::string_view path = vocabulary_->path(node);
    const auto common = static_cast<size_t>(std::ranges::mismatch(previous, path).in1 - previous.begin());
    for (size_t i = common; i < path.size(); ++i)
      states[i + 1] = lexicon.step(states[i], static_cast<uint8_t>(path[i]));
    previous = path;
    if (lexicon.is_complete(states[path.size()])) found.emplace_back(states[path.size()], node);
  }
  traverse(
      vocabulary_->long_root(), lex,
      [&](uint32_t from, uint32_t to) {
        result.tokens.insert(result.tokens.end(), trie_tokens.begin() + from, trie_tokens.begin() + to);
      },
      [&](LexId state, uint32_t node) { found.emplace_back(state, node); });
  group_exits(found, result);
  return result;
}

MaskStore::Walk MaskStore::walk_nodes(const std::vector<uint32_t>& nodes, LexId lex) {
  Walk result;
  const auto trie_tokens = vocabulary_->trie_tokens();
  std::vector<std::pair<LexId, uint32_t>> found;
  for (const uint32_t root : nodes) {
    traverse(
        root, lex,
        [&](uint32_t from, uint32_t to) {
          result.tokens.insert(result.tokens.end(), trie_tokens.begin() + from, trie_tokens.begin() + to);
        },
        [&](LexId state, uint32_t node) { found.emplace_back(state, node); });
  }
  group_exits(found, result);
  return result;
}

void MaskStore::group_exits(std::vector<std::pair<LexId, uint32_t>>& found, Walk& result) {
  std::ranges::sort(found);
  for (size_t from = 0; from < found.size();) {
    size_t to = from;
    std::vector<uint32_t> nodes;
    for (; to < found.size() && found[to].first == found[from].first; ++to) nodes.push_back(found[to].second);
    result.exits.push_back({found[from].first, node_set(std::move(nodes))});
    from = to;
  }
}

MaskStore::NodeSetId MaskStore::node_set(std::vector<uint32_t> nodes) {
  uint64_t hash = nodes.size();
  for (const uint32_t node : nodes) hash = (hash ^ node) * 0x9FB21C651E98DF25ULL;
  const auto [from, to] = node_set_index_.equal_range(hash);
  for (auto entry = from; entry != to; ++entry) {
    if (node_sets_[entry->second] == nodes) return entry->second;
  }
  bytes_ += 64 + nodes.size() * sizeof(uint32_t);
  node_sets_.push_back(std::move(nodes));
  const auto id = static_cast<NodeSetId>(node_sets_.size() - 1);
  node_set_index_.emplace(hash, id);
  return id;
}

}  // namespace mlxserving::grammar
