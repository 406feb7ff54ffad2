#include "grammar/vocabulary.h"

#include <algorithm>

#include "core/result.h"

namespace mlxserving::grammar {
namespace {

// Of text in which any ASCII byte may stand.
InsideCharacter step_any(InsideCharacter inside, uint8_t byte) {
  return inside == 0 && byte < 0x80 ? 0 : step(TextKind::utf8, inside, byte);
}

}  // namespace

Result<std::shared_ptr<const Vocabulary>> Vocabulary::create(std::span<const std::string> tokens,
                                                             const Options& options) {
  if (tokens.size() > kTokensMax) {
    return fail(ErrorCode::invalid_request, "tokens", "a vocabulary has at most {} tokens, this one {}", kTokensMax,
                tokens.size());
  }
  std::shared_ptr<Vocabulary> vocabulary(new Vocabulary());
  vocabulary->bytes_.assign(tokens.begin(), tokens.end());
  vocabulary->rows_ = std::max(tokens.size(), options.rows);
  vocabulary->is_text_.assign(tokens.size(), true);
  vocabulary->end_tokens_ = options.end_tokens;
  for (const auto& ids : {options.end_tokens, options.special_tokens}) {
    for (const TokenId id : ids) {
      if (id >= vocabulary->rows_)
        return fail(ErrorCode::invalid_request, "special_tokens", "token {} is outside the {} rows", id,
                    vocabulary->rows_);
      if (id < tokens.size()) vocabulary->is_text_[id] = false;
    }
  }
  std::vector<TokenId> plain_ids, other_ids, long_ids;
  vocabulary->plain_tokens_.resize(vocabulary->mask_words());
  for (TokenId id = 0; id < tokens.size(); ++id) {
    if (tokens[id].empty() || tokens[id].size() > kTokenBytesMax) vocabulary->is_text_[id] = false;
    if (!vocabulary->is_text_[id]) continue;
    const bool is_short = tokens[id].size() <= kShortBytes;
    const bool is_plain = is_short && grammar::is_text(TextKind::utf8, tokens[id]);
    if (is_plain) vocabulary->plain_tokens_[id >> 6] |= uint64_t{1} << (id & 63);
    (is_plain ? plain_ids : is_short ? other_ids : long_ids).push_back(id);
  }
  vocabulary->add_trie(std::move(plain_ids));
  vocabulary->other_root_ = vocabulary->add_trie(std::move(other_ids));
  vocabulary->long_root_ = vocabulary->add_trie(std::move(long_ids));
  // So that every node has a next one to end its tokens.
  vocabulary->nodes_.push_back(
      {.end = 0, .tokens_from = static_cast<uint32_t>(vocabulary->trie_tokens_.size()), .depth = 0, .byte = 0});
  return std::shared_ptr<const Vocabulary>(std::move(vocabulary));
}

uint32_t Vocabulary::add_trie(std::vector<TokenId> ids) {
  struct Open {
    uint32_t node;
    InsideCharacter inside;
    uint8_t kind_below = 0;
  };
  std::ranges::sort(ids, [&](TokenId a, TokenId b) { return bytes_[a] != bytes_[b] ? bytes_[a] < bytes_[b] : a < b; });
  const auto root = static_cast<uint32_t>(nodes_.size());
  std::vector<Open> path;
  const auto open = [&](size_t depth, uint8_t byte, InsideCharacter inside) {
    path.push_back({.node = static_cast<uint32_t>(nodes_.size()), .inside = inside});
    nodes_.push_back({.end = 0,
                      .tokens_from = static_cast<uint32_t>(trie_tokens_.size()),
                      .depth = static_cast<uint16_t>(depth),
                      .byte = byte});
  };
  const auto close_to = [&](size_t depth) {
    for (; path.size() > depth; path.pop_back()) {
      const Open& closing = path.back();
      TrieNode& node = nodes_[closing.node];
      node.end = static_cast<uint32_t>(nodes_.size());
      node.kind_below = closing.inside == 0 ? closing.kind_below : kTextKinds;
      if (path.size() == 1) continue;
      Open& outer = path[path.size() - 2];
      TrieNode& above = nodes_[outer.node];
      above.height = std::max<uint16_t>(above.height, node.height + 1);
      const uint8_t kind = narrowest_kind(outer.inside, node.byte);
      outer.kind_below = std::max({outer.kind_below, kind, closing.kind_below});
    }
  };
  open(0, 0, 0);
  std::string_view previous;
  for (const TokenId id : ids) {
    const std::string_view token = bytes_[id];
    const auto common = static_cast<size_t>(std::ranges::mismatch(previous, token).in1 - previous.begin());
    close_to(common + 1);
    for (size_t i = common; i < token.size(); ++i) {
      const auto byte = static_cast<uint8_t>(token[i]);
      open(i + 1, byte, step_any(path.back().inside, byte));
    }
    trie_tokens_.push_back(id);
    previous = token;
  }
  close_to(0);
  return root;
}

bool Vocabulary::is_end(TokenId token) const { return std::ranges::find(end_tokens_, token) != end_tokens_.end(); }

std::string_view Vocabulary::path(uint32_t node) const {
  return std::string_view(bytes_[trie_tokens_[nodes_[node].tokens_from]]).substr(0, nodes_[node].depth);
}

// The child by this byte, or the end of the subtree where there is none.
uint32_t Vocabulary::child_of(uint32_t node, char byte) const {
  uint32_t child = node + 1;
  while (child < nodes_[node].end && nodes_[child].byte != static_cast<uint8_t>(byte)) child = nodes_[child].end;
  return child;
}

bool Vocabulary::longest_token(std::string_view text, TokenId& token) const {
  size_t best = 0;
  for (const uint32_t root : {plain_root(), other_root(), long_root()}) {
    uint32_t node = root;
    for (const char c : text) {
      const uint32_t child = child_of(node, c);
      if (child >= nodes_[node].end) break;
      node = child;
      if (nodes_[node].tokens_from != nodes_[node + 1].tokens_from && nodes_[node].depth > best) {
        best = nodes_[node].depth;
        token = trie_tokens_[nodes_[node].tokens_from];
      }
    }
  }
  return best > 0;
}

bool Vocabulary::has_longer(std::string_view bytes) const {
  for (const uint32_t root : {plain_root(), other_root(), long_root()}) {
    uint32_t node = root;
    size_t matched = 0;
    for (; matched < bytes.size(); ++matched) {
      const uint32_t child = child_of(node, bytes[matched]);
      if (child >= nodes_[node].end) break;
      node = child;
    }
    if (matched == bytes.size() && nodes_[node].end > node + 1) return true;
  }
  return false;
}

std::span<const TokenId> Vocabulary::tokens_where(TokenTest test) const {
  if (test == nullptr) return {};
  const std::lock_guard lock(mutex_);
  const auto [entry, is_new] = tested_.try_emplace(test);
  for (TokenId token = 0; is_new && token < tokens(); ++token) {
    if (is_text(token) && test(bytes(token))) entry->second.push_back(token);
  }
  return entry->second;
}

std::shared_ptr<const SharedMask> Vocabulary::find_mask(uint64_t key) const {
  const std::lock_guard lock(mutex_);
  const auto found = mask_index_.find(key);
  if (found == mask_index_.end()) return nullptr;
  masks_.splice(masks_.begin(), masks_, found->second);
  return found->second->mask;
}

void Vocabulary::keep_mask(uint64_t key, std::shared_ptr<const SharedMask> mask) const {
  const std::lock_guard lock(mutex_);
  if (mask_index_.contains(key)) return;
  if (masks_.size() >= kSharedMasksMax) {
    mask_index_.erase(masks_.back().key);
    masks_.pop_back();
  }
  masks_.push_front({key, std::move(mask)});
  mask_index_.emplace(key, masks_.begin());
}

}  // namespace mlxserving::grammar
