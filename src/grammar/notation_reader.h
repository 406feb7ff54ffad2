// Where a parser stands in the text of a grammar, and what the notations have in common: counts and code points.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "grammar/rule_set.h"

namespace mlxserving::grammar {

class NotationReader {
 public:
  // The text outlives it.
  explicit NotationReader(std::string_view text) : text_(text) {}
  virtual ~NotationReader() = default;
  NotationReader(const NotationReader&) = delete;
  NotationReader& operator=(const NotationReader&) = delete;

 protected:
  // invalid_request: what is wrong, and where the reader stands.
  virtual Error refuse(const std::string& what) const = 0;
  virtual void skip_space() = 0;  // and comments

  bool is_at(std::string_view s) const { return text_.substr(at_, s.size()) == s; }
  bool take(std::string_view s);

  // `part` as often as the counts behind it say: "2", "2,", ",5" or "2,5" with separator ",", then `end`.
  Result<Expression> repeated(Expression part, const char* separator, const char* end);
  // The character of so many hexadecimal digits.
  Result<char32_t> hex(size_t digits);

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace mlxserving::grammar
