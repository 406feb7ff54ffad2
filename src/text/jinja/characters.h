// What Python's str asks of a character, by Unicode's tables.
#pragma once

#include <string_view>

#include "text/jinja/text.h"

namespace mlxserving::text::jinja {

bool is_space(char32_t c);
bool is_alpha(char32_t c);
bool is_decimal(char32_t c);
bool is_digit(char32_t c);
bool is_numeric(char32_t c);
bool is_alnum(char32_t c);
bool is_upper(char32_t c);
bool is_lower(char32_t c);
bool is_title(char32_t c);
inline bool is_cased(char32_t c) { return is_upper(c) || is_lower(c) || is_title(c); }
bool is_printable(char32_t c);
bool is_identifier_start(char32_t c);
bool is_identifier_part(char32_t c);
// \w of a regular expression.
inline bool is_word(char32_t c) { return is_alnum(c) || c == '_'; }
// str.splitlines() ends a line here ("\r\n" counts once).
bool is_line_break(char32_t c);

// Each gives the text with the trust of every character kept.
TextPtr to_upper(const Text& text);
TextPtr to_lower(const Text& text);
TextPtr to_title(const Text& text);
TextPtr to_capitalized(const Text& text);
TextPtr to_swapped_case(const Text& text);
TextPtr to_casefolded(const Text& text);

// The code points of valid UTF-8, one at a time:  for (CodePoints at(text); at; at.advance()) use(*at)
class CodePoints {
 public:
  explicit CodePoints(std::string_view utf8, size_t offset = 0) : utf8_(utf8), offset_(offset) { load(); }
  explicit operator bool() const { return offset_ < utf8_.size(); }
  char32_t operator*() const { return code_point_; }
  size_t offset() const { return offset_; }
  size_t end() const { return offset_ + bytes_; }
  void advance() {
    offset_ += bytes_;
    load();
  }

 private:
  void load();

  std::string_view utf8_;
  size_t offset_;
  size_t bytes_ = 0;
  char32_t code_point_ = 0;
};

// The last code point of valid, non-empty UTF-8.
char32_t last_code_point(std::string_view utf8);

}  // namespace mlxserving::text::jinja
