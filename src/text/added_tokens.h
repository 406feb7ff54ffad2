// Tokens that are looked for in the text itself, before the model sees it: control tokens, and words that were added.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "text/byte_trie.h"
#include "text/model.h"
#include "text/normalizer.h"

namespace mlxserving::text {

constexpr size_t kAddedTokensMax = 1 << 16;

struct AddedToken {
  std::string content;
  bool single_word = false;  // only where no word character is its neighbour
  bool lstrip = false;       // takes white space on its left along
  bool rstrip = false;
  bool normalized = false;  // is looked for after normalisation, in its own normalised form
  bool special = false;
};

// Says whether a token may be taken at a place of the original text.
class TokenGuard {
 public:
  virtual ~TokenGuard() = default;
  virtual bool allows(const Align& place, TokenId id) const = 0;
};

// Immutable once filled; any thread may read.
class AddedTokens {
 public:
  // In the order of the file. A token that the model knows keeps the model's id, others get the next free one: the ids
  // of the file are not asked.
  Result<void> add(std::vector<AddedToken> tokens, const Model& model, const Normalizer* normalizer);

  // Cuts the tokens out of the pieces: those that are looked for before (`normalized` false) or after normalisation.
  // `guard` may be null.
  void split(PreTokenized& text, bool normalized, const TokenGuard* guard) const;

  bool any_normalized() const { return any_normalized_; }
  // One more than the largest id.
  size_t ids_end() const { return ids_end_; }
  std::optional<TokenId> id_of(std::string_view content) const;
  const AddedToken* find(TokenId id) const;
  // What stands for the token when it is decoded: its normalised form where it has one.
  std::optional<std::string> text_of(TokenId id) const;
  // What is dropped when special tokens are skipped, told by its string: two ids may share one (Unigram's unknown).
  bool is_special(const std::string& text) const { return special_contents_.contains(text); }

 private:
  struct Matcher {
    ByteTrie trie;
    std::string first_bytes;
  };

  void add_one(AddedToken token, TokenId id, std::string normal_form);
  void build();
  size_t next_candidate(const Matcher& matcher, std::string_view text, size_t from) const;
  void cut(const PreTokenized& text, const Piece& piece, const Matcher& matcher, const TokenGuard* guard,
           std::vector<Piece>& out) const;

  std::unordered_map<std::string, TokenId> ids_;
  std::unordered_map<TokenId, AddedToken> tokens_;
  std::unordered_map<TokenId, std::string> normal_forms_;
  std::unordered_set<std::string> special_contents_;
  Matcher before_;
  Matcher after_;
  bool any_normalized_ = false;
  size_t ids_end_ = 0;
};

}  // namespace mlxserving::text
