// 'text' % values.
#include <algorithm>
#include <cmath>

#include "core/utf8.h"
#include "text/jinja/characters.h"
#include "text/jinja/fault.h"
#include "text/jinja/format.h"
#include "text/jinja/markup.h"
#include "text/jinja/number_format.h"
#include "text/jinja/semantics.h"

namespace mlxserving::text::jinja {
namespace {

// %[(key)][flags][width][.precision][length]type
struct Directive {
  bool left = false;
  bool plus = false;
  bool space = false;
  bool alternate = false;
  bool zero = false;
  int64_t width = 0;
  int64_t precision = -1;
  char32_t type = 0;
};

class PercentFormatter {
 public:
  PercentFormatter(Rendering& rendering, const Value& format, const Value& arguments)
      : rendering_(rendering),
        format_(format.text()),
        arguments_(arguments),
        out_(rendering.text_builder()),
        at_(format.text().bytes),
        trust_(format.text()) {}

  Value run() {
    while (at_) {
      if (*at_ == '%') {
        at_.advance();
        format_directive();
      } else {
        const size_t begin = at_.offset();
        const size_t end = std::min(format_.bytes.find('%', begin), format_.bytes.size());
        out_.append_slice(format_, begin, end);
        at_ = CodePoints(format_.bytes, end);
      }
    }
    check_all_used();
    rendering_.charge_bytes(out_.size());
    return Value::string(out_.take(format_.markup));
  }

 private:
  bool is_mapping() const {
    const Kind kind = arguments_.kind();
    return kind == Kind::dict || kind == Kind::list || kind == Kind::undefined || kind == Kind::range;
  }

  void check_all_used() const {
    if (is_mapping()) return;
    const size_t given = arguments_.is(Kind::tuple) ? arguments_.as<Sequence>().items.size() : 1;
    if (used_ < given) raise(FaultKind::type_error, "not all arguments converted during string formatting");
  }

  Value next_argument() {
    if (named_) return *named_;
    if (arguments_.is(Kind::tuple)) {
      const auto& items = arguments_.as<Sequence>().items;
      if (used_ < items.size()) return items[used_++];
    } else if (used_ == 0) {
      ++used_;
      return arguments_;
    }
    raise(FaultKind::type_error, "not enough arguments for format string");
  }

  char32_t peek() const {
    if (!at_) raise(FaultKind::value_error, "incomplete format");
    return *at_;
  }

  void read_key() {
    if (peek() != '(') return;
    if (!is_mapping()) raise(FaultKind::type_error, "format requires a mapping");
    at_.advance();
    const size_t begin = at_.offset();
    for (int open = 1; open > 0;) {
      if (!at_) raise(FaultKind::value_error, "incomplete format key");
      open += *at_ == '(' ? 1 : *at_ == ')' ? -1 : 0;
      at_.advance();
    }
    const auto key = Value::string(std::string_view(format_.bytes).substr(begin, at_.offset() - 1 - begin));
    named_ = subscript(rendering_, arguments_, key);
    if (named_->is_missing()) raise(FaultKind::lookup_error, "{}", repr(key));
  }

  void read_flags(Directive& directive) {
    for (;; at_.advance()) {
      switch (peek()) {
        case '-': directive.left = true; break;
        case '+': directive.plus = true; break;
        case ' ': directive.space = true; break;
        case '#': directive.alternate = true; break;
        case '0': directive.zero = true; break;
        default: return;
      }
    }
  }

  int64_t read_number(const char* what) {
    if (peek() == '*') {
      at_.advance();
      const Value star = next_argument();
      if (!star.is_integral()) raise(FaultKind::type_error, "* wants int");
      return checked_size(as_index(star, what), what);
    }
    int64_t number = 0;
    for (; at_ && *at_ >= '0' && *at_ <= '9'; at_.advance()) {
      number = checked_size(number * 10 + static_cast<int64_t>(*at_ - '0'), what);
    }
    return number;
  }

  int64_t checked_size(int64_t size, const char* what) const {
    const auto bytes_max = static_cast<int64_t>(rendering_.limits().string_bytes_max);
    if (size > bytes_max) raise(FaultKind::limit, "{} must be at most {}, got {}", what, bytes_max, size);
    return std::max(size, -bytes_max);
  }

  void format_directive() {
    named_.reset();
    Directive directive;
    read_key();
    read_flags(directive);
    directive.width = read_number("a width");
    if (directive.width < 0) {
      directive.left = true;
      directive.width = -directive.width;
    }
    if (peek() == '.') {
      at_.advance();
      directive.precision = std::max<int64_t>(0, read_number("a precision"));
    }
    while (peek() == 'h' || peek() == 'l' || peek() == 'L') at_.advance();
    directive.type = peek();
    const Trust trust = trust_.at(at_.offset());
    at_.advance();
    if (directive.type == '%') return out_.append('%', trust);
    format_argument(directive, next_argument());
  }

  void format_argument(const Directive& directive, const Value& argument) {
    switch (directive.type) {
      case 's':
      case 'r':
      case 'a': return pad_text(directive, text_of(directive.type, argument));
      case 'c': return pad_text({.left = directive.left, .width = directive.width}, character_of(argument));
      case 'd':
      case 'i':
      case 'u':
      case 'o':
      case 'x':
      case 'X': return pad_number(directive, integer_of(directive, argument));
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G': return pad_number(directive, real_of(directive, argument));
      default: raise(FaultKind::value_error, "unsupported format character in '{}'", format_.bytes.substr(0, 80));
    }
  }

  TextPtr text_of(char32_t type, const Value& argument) {
    if (type == 's') return format_.markup ? escape(rendering_, argument) : to_text(rendering_, argument);
    TextPtr text;
    if (type == 'a') {
      text = ascii_repr(rendering_, argument);
    } else {
      TextBuilder out = rendering_.text_builder();
      append_repr(rendering_, out, argument);
      text = out.take();
    }
    return format_.markup ? escape_text(rendering_, *text) : text;
  }

  static TextPtr character_of(const Value& argument) {
    if (argument.is_string() && argument.text().code_points == 1) return argument.text_pointer();
    if (!argument.is_integral()) raise(FaultKind::type_error, "%c requires int or char");
    const int64_t code = as_index(argument, "%c");
    if (code < 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
      raise(FaultKind::overflow, "%c arg not in range(0x110000)");
    }
    std::string bytes;
    utf8::append(bytes, static_cast<char32_t>(code));
    return make_text(bytes, Trust::no);
  }

  std::string integer_of(const Directive& directive, const Value& argument) const {
    const bool is_decimal = directive.type == 'd' || directive.type == 'i' || directive.type == 'u';
    if (argument.is_undefined()) raise_undefined(argument);
    if (!argument.is_integral() && !(is_decimal && argument.is(Kind::real))) {
      raise(FaultKind::type_error, "%{} format: a{} is required, not {}", static_cast<char>(directive.type),
            is_decimal ? " real number" : "n integer", type_name(argument));
    }
    const Value whole = argument.is(Kind::real) ? truncate_real(argument.real()) : argument;
    std::string digits = whole.big().to_digits(is_decimal ? 10 : directive.type == 'o' ? 8 : 16);
    if (directive.type == 'X') {
      std::transform(digits.begin(), digits.end(), digits.begin(),
                     [](char c) { return c >= 'a' ? static_cast<char>(c - 32) : c; });
    }
    const size_t sign = digits[0] == '-' ? 1 : 0;
    const auto wanted = static_cast<size_t>(std::max<int64_t>(directive.precision, 0));
    if (digits.size() - sign < wanted) digits.insert(sign, wanted - (digits.size() - sign), '0');
    if (directive.alternate && !is_decimal) {
      digits.insert(sign, directive.type == 'o' ? "0o" : directive.type == 'x' ? "0x" : "0X");
    }
    return digits;
  }

  static std::string real_of(const Directive& directive, const Value& argument) {
    if (argument.is_undefined()) raise_undefined(argument);
    if (!argument.is_number()) {
      raise(FaultKind::type_error, "must be real number, not {}", type_name(argument));
    }
    const double value = as_real(argument);
    const bool is_upper = directive.type < 'a';
    if (!std::isfinite(value)) {
      std::string text = real_to_text(value);
      if (is_upper)
        std::transform(text.begin(), text.end(), text.begin(),
                       [](char c) { return c == '-' ? c : static_cast<char>(c - 32); });
      return text;
    }
    const int precision = directive.precision < 0 ? 6 : static_cast<int>(directive.precision);
    return format_real(value, static_cast<char>(directive.type), precision, directive.alternate);
  }

  void pad_text(const Directive& directive, const TextPtr& text) {
    TextPtr shown = text;
    if (directive.precision >= 0 && static_cast<size_t>(directive.precision) < text->code_points) {
      shown = slice_text(text, 0, text->offset_of(static_cast<size_t>(directive.precision)));
    }
    const auto width = static_cast<size_t>(directive.width);
    const std::string fill(width > shown->code_points ? width - shown->code_points : 0, ' ');
    if (!directive.left) out_.append(fill, Trust::yes);
    out_.append(*shown);
    if (directive.left) out_.append(fill, Trust::yes);
  }

  void pad_number(const Directive& directive, std::string digits) {
    std::string sign;
    if (digits[0] == '-') {
      sign = "-";
      digits.erase(0, 1);
    } else if (directive.plus || directive.space) {
      sign = directive.plus ? "+" : " ";
    }
    const auto width = static_cast<size_t>(directive.width);
    const size_t size = sign.size() + digits.size();
    const size_t missing = width > size ? width - size : 0;
    if (directive.left) {
      out_.append(sign + digits + std::string(missing, ' '), Trust::yes);
    } else if (directive.zero) {
      const size_t prefix = directive.alternate && digits.size() > 1 && digits[0] == '0' && digits[1] > '9' ? 2 : 0;
      out_.append(sign + digits.substr(0, prefix) + std::string(missing, '0') + digits.substr(prefix), Trust::yes);
    } else {
      out_.append(std::string(missing, ' ') + sign + digits, Trust::yes);
    }
  }

  Rendering& rendering_;
  const Text& format_;
  const Value& arguments_;
  TextBuilder out_;
  CodePoints at_;
  TrustReader trust_;
  std::optional<Value> named_;
  size_t used_ = 0;
};

}  // namespace

Value format_percent(Rendering& rendering, const Value& format, const Value& arguments) {
  return PercentFormatter(rendering, format, arguments).run();
}

TextPtr ascii_repr(Rendering& rendering, const Value& value) {
  TextBuilder plain = rendering.text_builder();
  append_repr(rendering, plain, value);
  TextPtr text = plain.take();
  if (text->is_ascii()) return text;
  TextBuilder out = rendering.text_builder();
  TrustReader trust(*text);
  for (CodePoints at(text->bytes); at; at.advance()) {
    const auto code = static_cast<uint32_t>(*at);
    const Trust from = trust.at(at.offset());
    if (code < 0x80) {
      out.append(static_cast<char>(code), from);
    } else if (code < 0x100) {
      out.append(fmt::format("\\x{:02x}", code), from);
    } else {
      out.append(code < 0x10000 ? fmt::format("\\u{:04x}", code) : fmt::format("\\U{:08x}", code), from);
    }
  }
  return out.take();
}

}  // namespace mlxserving::text::jinja
