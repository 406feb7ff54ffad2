// The tokens of a model as bytes, laid out as a trie that a mask walks in one forward pass.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "grammar/text_kind.h"
#include "mlxserving/error.h"

namespace mlxserving::grammar {

using TokenId = uint32_t;

// Whether the bytes of a token are such.
using TokenTest = bool (*)(std::string_view bytes);

// One bit a token id.
using TokenBits = std::vector<uint64_t>;

// In depth-first order, so that a subtree is a range of nodes and the tokens below it a range of tokens: a node is
// skipped with all below it by going to `end` (Moskal et al., llguidance).
struct TrieNode {
  uint32_t end;          // the first node past the subtree
  uint32_t tokens_from;  // into Vocabulary::trie_tokens(); the subtree's tokens reach to those of `end`
  uint16_t depth;        // bytes from the root
  uint16_t height = 0;   // bytes from here to the deepest node of the subtree
  uint8_t byte;
  // The narrowest kind of text that all which may follow here within tokens is a part of; kTextKinds where there is
  // none, as inside a character.
  uint8_t kind_below = 0;
};

// What text tokens a lexical state allows, found once and used by every grammar over the vocabulary.
struct SharedMask {
  TokenBits tokens;                // those that stay inside the language
  std::vector<uint32_t> complete;  // nodes where a language is complete, in order
};

// Immutable but for its cache of masks; any thread may use it.
class Vocabulary {
 public:
  struct Options {
    std::vector<TokenId> end_tokens;      // any of them ends a text
    std::vector<TokenId> special_tokens;  // never spelled by text
    size_t rows = 0;                      // of the logits, where padded beyond the tokens
  };

  static constexpr size_t kTokensMax = size_t{1} << 22;
  static constexpr size_t kTokenBytesMax = 4096;
  // Longer tokens live in a trie of their own, so that what short text cannot exhaust need not be counted.
  static constexpr uint32_t kShortBytes = 20;
  static constexpr size_t kSharedMasksMax = 4096;

  // `tokens[id]` are the bytes of token `id`; an empty one is no text. Errors: invalid_request.
  static Result<std::shared_ptr<const Vocabulary>> create(std::span<const std::string> tokens, const Options& options);

  size_t tokens() const { return bytes_.size(); }
  // 64-bit words of a mask, padding rows included.
  size_t mask_words() const { return (rows_ + 63) / 64; }
  size_t rows() const { return rows_; }
  std::string_view bytes(TokenId token) const { return bytes_[token]; }
  bool is_text(TokenId token) const { return token < is_text_.size() && is_text_[token]; }
  bool is_end(TokenId token) const;
  std::span<const TokenId> end_tokens() const { return end_tokens_; }

  std::span<const TrieNode> nodes() const { return nodes_; }
  std::span<const TokenId> trie_tokens() const { return trie_tokens_; }
  // Roots of the three tries: of short tokens that are whole characters in TextKind::utf8, of other short ones, and of
  // long ones.
  uint32_t plain_root() const { return 0; }
  uint32_t other_root() const { return other_root_; }
  uint32_t long_root() const { return long_root_; }
  const TokenBits& plain_tokens() const { return plain_tokens_; }
  // The bytes from the root to a node.
  std::string_view path(uint32_t node) const;
  // The longest token that begins `text`, for cutting text where no tokenizer is at hand; nothing where none does.
  bool longest_token(std::string_view text, TokenId& token) const;

  // Whether some text token begins with `bytes` and goes on.
  bool has_longer(std::string_view bytes) const;

  // The text tokens that pass, found once a test; valid as long as the vocabulary. None for a null test.
  std::span<const TokenId> tokens_where(TokenTest test) const;

  std::shared_ptr<const SharedMask> find_mask(uint64_t key) const;
  void keep_mask(uint64_t key, std::shared_ptr<const SharedMask> mask) const;

 private:
  Vocabulary() = default;
  uint32_t add_trie(std::vector<TokenId> ids);
  uint32_t child_of(uint32_t node, char byte) const;

  std::vector<std::string> bytes_;
  std::vector<bool> is_text_;
  std::vector<TokenId> end_tokens_;
  size_t rows_ = 0;
  std::vector<TrieNode> nodes_;
  std::vector<TokenId> trie_tokens_;
  uint32_t other_root_ = 0;
  uint32_t long_root_ = 0;
  TokenBits plain_tokens_;

  struct Kept {
    uint64_t key;
    std::shared_ptr<const SharedMask> mask;
  };
  mutable std::mutex mutex_;       // workers compile and the engine masks at once
  mutable std::list<Kept> masks_;  // the last used first
  mutable std::unordered_map<uint64_t, std::list<Kept>::iterator> mask_index_;
  mutable std::unordered_map<TokenTest, std::vector<TokenId>> tested_;
};

}  // namespace mlxserving::grammar
