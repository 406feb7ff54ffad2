#include "grammar/vocabulary.h"

#include <algorithm>

#include "core/result.h"

namespace mlxserving::grammar {

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
  std::vector<TokenId> short_ids, long_ids;
  for (TokenId id = 0; id < tokens.size(); ++id) {
    if (tokens[id].empty() || tokens[id].size() > kTokenBytesMax) vocabulary->is_text_[id] = false;
    if (!vocabulary->is_text_[id]) continue;
    (tokens[id].size() <= kShortBytes ? short_ids : long_ids).push_back(id);
  }
  vocabulary->add_trie(std::move(short_ids));
  vocabulary->long_root_ = static_cast<uint32_t>(vocabulary->nodes_.size());
  vocabulary->add_trie(std::move(long_ids));
  // So that every node has a next one to end its tokens.
  vocabulary->nodes_.push_back(
      {.end = 0, .tokens_from = static_cast<uint32_t>(vocabulary->trie_tokens_.size()), .depth = 0, .byte = 0});
  return std::shared_ptr<const Vocabulary>(std::move(vocabulary));
}

void Vocabulary::add_trie(std::vector<TokenId> ids) {
  std::ranges::sort(ids, [&](TokenId a, TokenId b) { return bytes_[a] != bytes_[b] ? bytes_[a] < bytes_[b] : a < b; });
  std::vector<uint32_t> path{static_cast<uint32_t>(nodes_.size())};
  nodes_.push_back({.end = 0, .tokens_from = static_cast<uint32_t>(trie_tokens_.size()), .depth = 0, .byte = 0});
  std::string_view previous;
  const auto close_to = [&](size_t depth) {
    for (; path.size() > depth; path.pop_back()) {
      TrieNode& node = nodes_[path.back()];
      node.end = static_cast<uint32_t>(nodes_.size());
      if (path.size() == 1) continue;
      TrieNode& above = nodes_[path[path.size() - 2]];
      above.height = std::max<uint16_t>(above.height, node.height + 1);
    }
  };
  for (const TokenId id : ids) {
    const std::string_view token = bytes_[id];
    const auto common = static_cast<size_t>(std::ranges::mismatch(previous, token).in1 - previous.begin());
    close_to(common + 1);
    for (size_t i = common; i < token.size(); ++i) {
      path.push_back(static_cast<uint32_t>(nodes_.size()));
      nodes_.push_back({.end = 0,
                        .tokens_from = static_cast<uint32_t>(trie_tokens_.size()),
                        .depth = static_cast<uint16_t>(i + 1),
                        .byte = static_cast<uint8_t>(token[i])});
    }
    trie_tokens_.push_back(id);
    previous = token;
  }
  close_to(0);
}

bool Vocabulary::is_end(TokenId token) const { return std::ranges::find(end_tokens_, token) != end_tokens_.end(); }

std::string_view Vocabulary::path(uint32_t node) const {
  return std::string_view(bytes_[trie_tokens_[nodes_[node].tokens_from]]).substr(0, nodes_[node].depth);
}

bool Vocabulary::longest_token(std::string_view text, TokenId& token) const {
  size_t best = 0;
  for (const uint32_t root : {short_root(), long_root()}) {
    uint32_t node = root;
    for (const char c : text) {
      uint32_t child = node + 1;
      const uint32_t end = nodes_[node].end;
      while (child < end && nodes_[child].byte != static_cast<uint8_t>(c)) child = nodes_[child].end;
      if (child >= end) break;
      node = child;
      if (nodes_[node].tokens_from != nodes_[node + 1].tokens_from && nodes_[node].depth > best) {
        best = nodes_[node].depth;
        token = trie_tokens_[nodes_[node].tokens_from];
      }
    }
  }
  return best > 0;
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
