// Byte pair encoding: the pieces of text in byte-level and in SentencePiece style.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "text/model.h"

namespace mlxserving::text {

struct BpeOptions {
  std::optional<std::string> unk_token;
  std::string continuing_subword_prefix;
  std::string end_of_word_suffix;
  bool fuse_unk = false;
  bool byte_fallback = false;
  bool ignore_merges = false;  // a piece that is a token is that token, whatever its merges say
  // The pieces are raw bytes and the strings of the file spell them in GPT-2's alphabet.
  bool byte_level = false;
};

// Takes the tokens, then the merges in order of rank.
class BpeBuilder {
 public:
  explicit BpeBuilder(BpeOptions options);
  ~BpeBuilder();

  void reserve(size_t tokens, size_t bytes, size_t merges);
  Result<void> add_token(std::string_view token, TokenId id);
  // Errors when one of the two or what they merge into is no token.
  Result<void> add_merge(std::string_view left, std::string_view right);
  // ... with a rank of its own, which others may share: then the leftmost goes first.
  Result<void> add_merge(std::string_view left, std::string_view right, uint32_t rank);

  // Once.
  Result<std::unique_ptr<const Model>> build();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace mlxserving::text
