// Template source to tokens, with Jinja's white-space rules (trim_blocks and lstrip_blocks on, as Hugging Face has
// them).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mlxserving::text::jinja {

enum class TokenType : uint8_t {
  data,
  variable_begin,
  variable_end,
  block_begin,
  block_end,
  name,
  string,
  integer,
  real,
  op,
  end,
};

struct Token {
  TokenType type;
  std::string text;  // data and strings: what they stand for; others: as written
  int line;

  bool is_op(std::string_view op) const { return type == TokenType::op && text == op; }
  bool is_name(std::string_view name) const { return type == TokenType::name && text == name; }
};

// `source` is valid UTF-8. Throws a Fault (syntax_error) with its line.
std::vector<Token> tokenize(std::string_view source);

// What an error calls the token.
std::string describe(const Token& token);

}  // namespace mlxserving::text::jinja
