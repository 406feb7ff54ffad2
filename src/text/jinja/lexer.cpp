#include "text/jinja/lexer.h"

#include <algorithm>
#include <optional>

#include "core/utf8.h"
#include "text/jinja/characters.h"
#include "text/jinja/fault.h"

namespace mlxserving::text::jinja {
namespace {

[[noreturn]] void fail(int line, std::string message) {
  Fault fault(FaultKind::syntax_error, std::move(message));
  fault.line = line;
  throw fault;
}

// \r\n and \r become \n; one newline at the very end goes.
std::string normalize_newlines(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      text.push_back(source[i]);
      continue;
    }
    text.push_back('\n');
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

int count_lines(std::string_view text) { return static_cast<int>(std::count(text.begin(), text.end(), '\n')); }

size_t skip_spaces(std::string_view text, size_t at) {
  CodePoints c(text, at);
  while (c && is_space(*c)) c.advance();
  return c.offset();
}

bool is_all_spaces(std::string_view text) { return skip_spaces(text, 0) == text.size(); }

// The bytes Python sees in .encode("ascii", "backslashreplace"), then decodes as unicode-escape.
class StringDecoder {
 public:
  StringDecoder(std::string_view body, int line) : line_(line) {
    for (CodePoints at(body); at; at.advance()) {
      const auto code = static_cast<uint32_t>(*at);
      if (code < 0x80) {
        ascii_.push_back(static_cast<char>(code));
      } else if (code < 0x100) {
        ascii_ += fmt::format("\\x{:02x}", code);
      } else {
        ascii_ += code < 0x10000 ? fmt::format("\\u{:04x}", code) : fmt::format("\\U{:08x}", code);
      }
    }
  }

  std::string run() {
    while (at_ < ascii_.size()) {
      const char c = ascii_[at_++];
      if (c != '\\') {
        out_.push_back(c);
      } else if (at_ < ascii_.size()) {
        decode_escape(ascii_[at_++]);
      } else {
        fail(line_, "\\ at end of string");
      }
    }
    return std::move(out_);
  }

 private:
  void decode_escape(char c) {
    switch (c) {
      case '\n': return;
      case '\\':
      case '\'':
      case '"': return out_.push_back(c);
      case 'a': return out_.push_back('\a');
      case 'b': return out_.push_back('\b');
      case 'f': return out_.push_back('\f');
      case 'n': return out_.push_back('\n');
      case 'r': return out_.push_back('\r');
      case 't': return out_.push_back('\t');
      case 'v': return out_.push_back('\v');
      case 'x': return decode_hex(2, "truncated \\xXX escape");
      case 'u': return decode_hex(4, "truncated \\uXXXX escape");
      case 'U': return decode_hex(8, "truncated \\UXXXXXXXX escape");
      case 'N': fail(line_, "\\N{...} escapes are not supported, write the character itself");
      default: break;
    }
    if (c >= '0' && c <= '7') return decode_octal(c);
    out_.push_back('\\');
    out_.push_back(c);
  }

  void decode_octal(char first) {
    uint32_t code = static_cast<uint32_t>(first - '0');
    for (int i = 0; i < 2 && at_ < ascii_.size() && ascii_[at_] >= '0' && ascii_[at_] <= '7'; ++i) {
      code = code * 8 + static_cast<uint32_t>(ascii_[at_++] - '0');
    }
    utf8::append(out_, code);
  }

  void decode_hex(int digits, const char* truncated) {
    uint32_t code = 0;
    for (int i = 0; i < digits; ++i) {
      const char c = at_ < ascii_.size() ? static_cast<char>(ascii_[at_] | 0x20) : '\0';
      const bool is_number = is_digit(c) && is_digit(ascii_[at_]);
      if (!is_number && (c < 'a' || c > 'f')) fail(line_, truncated);
      code = code * 16 + static_cast<uint32_t>(is_number ? c - '0' : c - 'a' + 10);
      ++at_;
    }
    if (code > 0x10FFFF) fail(line_, "illegal Unicode character");
    if (code >= 0xD800 && code <= 0xDFFF) fail(line_, "a lone surrogate is not a character");
    utf8::append(out_, code);
  }

  int line_;
  std::string ascii_;
  size_t at_ = 0;
  std::string out_;
};

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalize_newlines(source)) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) lex_data();
    add(TokenType::end, "");
    return std::move(tokens_);
  }

 private:
  std::string_view rest(size_t at) const { return std::string_view(source_).substr(std::min(at, source_.size())); }
  bool has(size_t at, std::string_view what) const { return rest(at).starts_with(what); }
  void add(TokenType type, std::string_view text) { tokens_.push_back({type, std::string(text), line_}); }

  // Moves to `at` and counts the lines passed.
  void move_to(size_t at) {
    line_ += count_lines(std::string_view(source_).substr(at_, at - at_));
    starts_line_ = at > at_ ? source_[at - 1] == '\n' : starts_line_;
    at_ = at;
  }

  // The end of "{%- raw -%}" when one begins at `at`.
  std::optional<size_t> raw_begin_end(size_t at) const {
    if (!has(at, "{%")) return std::nullopt;
    at += 2;
    if (has(at, "-") || has(at, "+")) ++at;
    at = skip_spaces(source_, at);
    if (!has(at, "raw")) return std::nullopt;
    at = skip_spaces(source_, at + 3);
    if (has(at, "-%}")) return skip_spaces(source_, at + 3);
    if (has(at, "%}")) return at + 2;
    return std::nullopt;
  }

  size_t find_tag(size_t from) const {
    for (size_t at = source_.find('{', from); at != std::string::npos; at = source_.find('{', at + 1)) {
      if (has(at, "{%") || has(at, "{{") || has(at, "{#")) return at;
    }
    return std::string::npos;
  }

  // Data before a tag, without what the tag's sign or lstrip_blocks takes away.
  void add_data(size_t begin, size_t end, char sign, bool is_variable) {
    std::string_view data = std::string_view(source_).substr(begin, end - begin);
    if (sign == '-') {
      data = strip_end(data);
    } else if (sign != '+' && !is_variable) {
      const size_t line_begin = data.rfind('\n') + 1;  // npos + 1 is 0
      if ((line_begin > 0 || starts_line_) && is_all_spaces(data.substr(line_begin))) data = data.substr(0, line_begin);
    }
    if (!data.empty()) add(TokenType::data, data);
  }

  static std::string_view strip_end(std::string_view data) {
    while (!data.empty() && is_space(last_code_point(data))) {
      size_t start = data.size() - 1;
      while (start > 0 && (static_cast<unsigned char>(data[start]) & 0xC0) == 0x80) --start;
      data = data.substr(0, start);
    }
    return data;
  }

  char sign_at(size_t at) const { return has(at, "-") ? '-' : has(at, "+") ? '+' : '\0'; }

  void lex_data() {
    const size_t tag = find_tag(at_);
    if (tag == std::string::npos) {
      add(TokenType::data, rest(at_));
      return move_to(source_.size());
    }
    const bool is_variable = has(tag, "{{");
    const char sign = sign_at(tag + 2);
    add_data(at_, tag, sign, is_variable);
    move_to(tag);
    if (const auto raw = raw_begin_end(tag)) {
      move_to(*raw);
      return lex_raw();
    }
    const bool is_comment = has(tag, "{#");
    if (!is_comment) add(is_variable ? TokenType::variable_begin : TokenType::block_begin, "");
    move_to(tag + 2 + (sign != '\0' ? 1 : 0));
    if (is_comment) return lex_comment();
    lex_tag(is_variable);
  }

  // After the closing mark of a block or comment: "-" takes white space, none takes a newline, "+" nothing.
  size_t after_close(size_t at, std::string_view close) const {
    if (has(at, "+")) return at + 1 + close.size();
    if (has(at, "-")) return skip_spaces(source_, at + 1 + close.size());
    at += close.size();
    return has(at, "\n") ? at + 1 : at;
  }

  bool closes(size_t at, std::string_view close) const {
    return has(at, close) || ((has(at, "-") || has(at, "+")) && has(at + 1, close));
  }

  void lex_comment() {
    const size_t close = source_.find("#}", at_);
    if (close == std::string::npos) fail(line_, "Missing end of comment tag");
    const bool has_sign = close > at_ && (source_[close - 1] == '-' || source_[close - 1] == '+');
    move_to(after_close(has_sign ? close - 1 : close, "#}"));
  }

  void lex_raw() {
    for (size_t at = source_.find("{%", at_); at != std::string::npos; at = source_.find("{%", at + 1)) {
      const char sign = sign_at(at + 2);
      size_t word = skip_spaces(source_, at + 2 + (sign != '\0' ? 1 : 0));
      if (!has(word, "endraw")) continue;
      word = skip_spaces(source_, word + 6);
      if (!closes(word, "%}")) continue;
      add_data(at_, at, sign, false);
      return move_to(after_close(word, "%}"));
    }
    fail(line_, "Missing end of raw directive");
  }

  void lex_tag(bool is_variable) {
    std::string open;  // brackets not yet closed
    while (at_ < source_.size()) {
      if (open.empty() && lex_tag_end(is_variable)) return;
      lex_token(open);
    }
    // The parser reports what is missing.
  }

  bool lex_tag_end(bool is_variable) {
    if (!is_variable) {
      if (!closes(at_, "%}")) return false;
      add(TokenType::block_end, "");
      move_to(after_close(at_, "%}"));
      return true;
    }
    const bool strips = has(at_, "-}}");
    if (!strips && !has(at_, "}}")) return false;
    add(TokenType::variable_end, "");
    move_to(strips ? skip_spaces(source_, at_ + 3) : at_ + 2);
    return true;
  }

  void lex_token(std::string& open) {
    const size_t spaces = skip_spaces(source_, at_);
    if (spaces > at_) return move_to(spaces);
    const char c = source_[at_];
    if (is_digit(c)) return lex_number();
    if (c == '\'' || c == '"') return lex_string(c);
    if (is_identifier_part(*CodePoints(source_, at_))) return lex_name();
    lex_operator(open);
  }

  // (\d+_)*\d+ from `at`; `at` itself when there is none.
  size_t digits_end(size_t at) const {
    size_t end = at;
    while (end < source_.size() && is_digit(source_[end])) {
      ++end;
      if (end + 1 < source_.size() && source_[end] == '_' && is_digit(source_[end + 1])) ++end;
    }
    return end;
  }

  std::optional<size_t> real_end() const {
    if (at_ > 0 && source_[at_ - 1] == '.') return std::nullopt;
    size_t end = digits_end(at_);
    bool is_real = false;
    if (has(end, ".") && digits_end(end + 1) > end + 1) {
      end = digits_end(end + 1);
      is_real = true;
    }
    if (has(end, "e") || has(end, "E")) {
      const size_t sign = end + 1 + (has(end + 1, "+") || has(end + 1, "-") ? 1 : 0);
      if (digits_end(sign) > sign) return digits_end(sign);
    }
    return is_real ? std::optional(end) : std::nullopt;
  }

  size_t integer_end() const {
    const char mark = static_cast<char>(at_ + 1 < source_.size() ? source_[at_ + 1] | 0x20 : 0);
    if (source_[at_] != '0') return digits_end(at_);
    if (mark == 'x' || mark == 'o' || mark == 'b') {
      const auto fits = [mark](char c) {
        if (mark == 'b') return c == '0' || c == '1';
        if (mark == 'o') return c >= '0' && c <= '7';
        return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
      };
      size_t end = at_ + 2;
      for (;;) {
        const size_t digit = end + (has(end, "_") ? 1 : 0);
        if (digit >= source_.size() || !fits(source_[digit])) break;
        end = digit + 1;
      }
      if (end > at_ + 2) return end;
    }
    size_t end = at_ + 1;
    while (has(end, "0") || has(end, "_0")) end += has(end, "_0") ? 2 : 1;
    return end;
  }

  void lex_number() {
    const auto real = real_end();
    const size_t end = real ? *real : integer_end();
    std::string digits = source_.substr(at_, end - at_);
    std::erase(digits, '_');
    add(real ? TokenType::real : TokenType::integer, digits);
    move_to(end);
  }

  void lex_name() {
    CodePoints c(source_, at_);
    if (!is_identifier_start(*c)) fail(line_, "Invalid character in identifier");
    while (c && is_identifier_part(*c)) c.advance();
    add(TokenType::name, std::string_view(source_).substr(at_, c.offset() - at_));
    move_to(c.offset());
  }

  void lex_string(char quote) {
    size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) fail_unexpected();
    add(TokenType::string, StringDecoder(std::string_view(source_).substr(at_ + 1, end - at_ - 1), line_).run());
    move_to(end + 1);
  }

  void lex_operator(std::string& open) {
    constexpr std::string_view kOperators[] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
                                               "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};
    const auto* found =
        std::find_if(std::begin(kOperators), std::end(kOperators), [&](auto op) { return has(at_, op); });
    if (found == std::end(kOperators)) fail_unexpected();
    balance((*found)[0], open);
    add(TokenType::op, *found);
    move_to(at_ + found->size());
  }

  void balance(char c, std::string& open) const {
    if (c == '(') open.push_back(')');
    if (c == '[') open.push_back(']');
    if (c == '{') open.push_back('}');
    if (c != ')' && c != ']' && c != '}') return;
    if (open.empty()) fail(line_, fmt::format("unexpected '{}'", c));
    if (open.back() != c) fail(line_, fmt::format("unexpected '{}', expected '{}'", c, open.back()));
    open.pop_back();
  }

  [[noreturn]] void fail_unexpected() const {
    const CodePoints c(source_, at_);
    fail(line_, fmt::format("unexpected char '{}' at {}", source_.substr(at_, c.end() - at_), at_));
  }

  std::string source_;
  size_t at_ = 0;
  int line_ = 1;
  bool starts_line_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) { return Lexer(source).run(); }

std::string describe(const Token& token) {
  switch (token.type) {
    case TokenType::data: return "template data / text";
    case TokenType::variable_begin: return "begin of print statement";
    case TokenType::variable_end: return "end of print statement";
    case TokenType::block_begin: return "begin of statement block";
    case TokenType::block_end: return "end of statement block";
    case TokenType::string: return "string";
    case TokenType::integer: return "integer";
    case TokenType::real: return "float";
    case TokenType::end: return "end of template";
    case TokenType::name:
    case TokenType::op: break;
  }
  return token.text;
}

}  // namespace mlxserving::text::jinja
