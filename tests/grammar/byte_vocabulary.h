// Every byte a token, and one that ends.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "grammar/grammar.h"

namespace mlxserving::grammar {

constexpr TokenId kEndToken = 256;

inline std::shared_ptr<const Vocabulary> byte_vocabulary() {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  tokens.emplace_back("<end>");
  return Vocabulary::create(tokens, {.end_tokens = {kEndToken}, .special_tokens = {}, .rows = 300}).value();
}

// Whether the text is accepted to its end and may end there.
inline bool accepts(const std::shared_ptr<Grammar>& grammar, const std::string& text) {
  Matcher matcher(grammar);
  return matcher.accept_bytes(text) && matcher.is_complete();
}

}  // namespace mlxserving::grammar
