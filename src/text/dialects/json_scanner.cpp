#include "text/dialects/json_scanner.h"

#include <algorithm>
#include <string_view>

namespace mlxserving::text {
namespace {

constexpr size_t kWordBytesMax = 4096;  // of one number

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

size_t skip_digits(std::string_view text, size_t i) {
  while (i < text.size() && is_digit(text[i])) ++i;
  return i;
}

bool is_number(std::string_view text) {
  size_t i = !text.empty() && text[0] == '-' ? 1 : 0;
  size_t end = skip_digits(text, i);
  if (end == i || (text[i] == '0' && end > i + 1)) return false;
  if (end < text.size() && text[end] == '.') {
    i = end + 1;
    end = skip_digits(text, i);
    if (end == i) return false;
  }
  if (end < text.size() && (text[end] == 'e' || text[end] == 'E')) {
    i = end + 1;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    end = skip_digits(text, i);
    if (end == i) return false;
  }
  return end == text.size();
}

bool is_word(std::string_view text) { return text == "true" || text == "false" || text == "null" || is_number(text); }

// Whether a word may begin like this: literals by their letters, numbers by their characters.
bool may_begin_word(std::string_view text) {
  for (const std::string_view literal : {"true", "false", "null"}) {
    if (literal.starts_with(text)) return true;
  }
  const auto fits = [](char c) { return is_digit(c) || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'; };
  return text.size() <= kWordBytesMax && (text[0] == '-' || is_digit(text[0])) && std::ranges::all_of(text, fits);
}

}  // namespace

JsonScanner::Verdict JsonScanner::take(char c) {
  if (at_ == At::in_string || at_ == At::escape || at_ == At::hex) return in_string(c);
  if (at_ == At::in_word) return in_word(c);
  if (is_space(c)) return Verdict::more;
  switch (at_) {
    case At::value_or_end:
      if (c == ']') return close(c);
      return begin_value(c);
    case At::value: return begin_value(c);
    case At::key_or_end:
      if (c == '}') return close(c);
      [[fallthrough]];
    case At::key:
      if (c != '"') return Verdict::broken;
      string_is_key_ = true;
      at_ = At::in_string;
      return Verdict::more;
    case At::colon:
      if (c != ':') return Verdict::broken;
      at_ = At::value;
      return Verdict::more;
    case At::comma_or_end:
      if (c != ',') return close(c);
      at_ = open_.back() == '{' ? At::key : At::value;
      return Verdict::more;
    default: return Verdict::broken;
  }
}

JsonScanner::Verdict JsonScanner::begin_value(char c) {
  if (c == '{' || c == '[') {
    if (open_.size() == kDepthMax) return Verdict::broken;
    open_ += c;
    at_ = c == '{' ? At::key_or_end : At::value_or_end;
    return Verdict::more;
  }
  if (c == '"') {
    string_is_key_ = false;
    at_ = At::in_string;
    return Verdict::more;
  }
  word_.assign(1, c);
  at_ = At::in_word;
  return !open_.empty() && may_begin_word(word_) ? Verdict::more : Verdict::broken;
}

JsonScanner::Verdict JsonScanner::end_value() {
  at_ = At::comma_or_end;
  return open_.empty() ? Verdict::done : Verdict::more;
}

JsonScanner::Verdict JsonScanner::close(char c) {
  if (open_.empty() || c != (open_.back() == '{' ? '}' : ']')) return Verdict::broken;
  open_.pop_back();
  return end_value();
}

JsonScanner::Verdict JsonScanner::in_string(char c) {
  if (at_ == At::hex) {
    if (!is_hex(c)) return Verdict::broken;
    if (--hex_left_ == 0) at_ = At::in_string;
    return Verdict::more;
  }
  if (at_ == At::escape) {
    if (std::string_view("\"\\/bfnrtu").find(c) == std::string_view::npos) return Verdict::broken;
    at_ = c == 'u' ? At::hex : At::in_string;
    hex_left_ = 4;
    return Verdict::more;
  }
  if (static_cast<unsigned char>(c) < 0x20) return Verdict::broken;
  if (c == '\\') at_ = At::escape;
  if (c != '"') return Verdict::more;
  if (!string_is_key_) return end_value();
  at_ = At::colon;
  return Verdict::more;
}

JsonScanner::Verdict JsonScanner::in_word(char c) {
  if (!is_space(c) && c != ',' && c != '}' && c != ']') {
    word_ += c;
    return may_begin_word(word_) ? Verdict::more : Verdict::broken;
  }
  if (!is_word(word_)) return Verdict::broken;
  at_ = At::comma_or_end;
  return is_space(c) ? Verdict::more : take(c);
}

}  // namespace mlxserving::text
