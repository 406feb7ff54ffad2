// format(value, spec) and 'text'.format(values).
#include <algorithm>
#include <cmath>

#include "core/utf8.h"
#include "text/jinja/access.h"
#include "text/jinja/characters.h"
#include "text/jinja/fault.h"
#include "text/jinja/format.h"
#include "text/jinja/markup.h"
#include "text/jinja/number_format.h"
#include "text/jinja/semantics.h"

namespace mlxserving::text::jinja {
namespace {

// [[fill]align][sign][#][0][width][grouping][.precision][type]
struct Spec {
  std::string fill = " ";
  char align = 0;
  char sign = 0;
  bool alternate = false;
  char grouping = 0;
  int64_t width = -1;
  int64_t precision = -1;
  char32_t type = 0;
};

bool is_align(char32_t c) { return c == '<' || c == '>' || c == '=' || c == '^'; }

int64_t read_number(Rendering& rendering, CodePoints& at) {
  if (!at || *at < '0' || *at > '9') return -1;
  int64_t number = 0;
  const auto bytes_max = static_cast<int64_t>(rendering.limits().string_bytes_max);
  for (; at && *at >= '0' && *at <= '9'; at.advance()) {
    number = number * 10 + static_cast<int64_t>(*at - '0');
    if (number > bytes_max)
      raise(FaultKind::limit, "a width or precision must be at most {}, got {}", bytes_max, number);
  }
  return number;
}

void read_align(std::string_view text, CodePoints& at, Spec& spec) {
  CodePoints second = at;
  if (second) second.advance();
  if (second && is_align(*second)) {
    spec.fill = text.substr(at.offset(), at.end() - at.offset());
    spec.align = static_cast<char>(*second);
    at = second;
    at.advance();
  } else if (at && is_align(*at)) {
    spec.align = static_cast<char>(*at);
    at.advance();
  }
}

Spec parse_spec(Rendering& rendering, std::string_view text, std::string_view type) {
  Spec spec;
  CodePoints at(text);
  read_align(text, at, spec);
  if (at && (*at == '+' || *at == '-' || *at == ' ')) {
    spec.sign = static_cast<char>(*at);
    at.advance();
  }
  if (at && *at == '#') {
    spec.alternate = true;
    at.advance();
  }
  if (at && *at == '0') {
    if (spec.align == 0) {
      spec.fill = "0";
      spec.align = '=';
    } else if (spec.fill == " ") {
      spec.fill = "0";
    }
    at.advance();
  }
  spec.width = read_number(rendering, at);
  if (at && (*at == ',' || *at == '_')) {
    spec.grouping = static_cast<char>(*at);
    at.advance();
  }
  if (at && *at == '.') {
    at.advance();
    spec.precision = read_number(rendering, at);
    if (spec.precision < 0) raise(FaultKind::value_error, "Format specifier missing precision");
  }
  if (at) {
    spec.type = *at;
    at.advance();
  }
  if (at)
    raise(FaultKind::value_error, "Invalid format specifier '{}' for object of type '{}'", text.substr(0, 80), type);
  return spec;
}

[[noreturn]] void raise_unknown(const Spec& spec, std::string_view type) {
  std::string code;
  utf8::append(code, spec.type);
  raise(FaultKind::value_error, "Unknown format code '{}' for object of type '{}'", code, type);
}

void append_fill(TextBuilder& out, const Spec& spec, size_t count) {
  for (size_t i = 0; i < count; ++i) out.append(spec.fill, Trust::yes);
}

// `prefix` is the sign and 0x, which align '=' keeps before the fill.
TextPtr pad(Rendering& rendering, const Spec& spec, char default_align, std::string_view prefix, const Text& body) {
  const size_t size = prefix.size() + body.code_points;
  const size_t missing = spec.width > static_cast<int64_t>(size) ? static_cast<size_t>(spec.width) - size : 0;
  const char align = spec.align != 0 ? spec.align : default_align;
  const size_t before = align == '>' ? missing : align == '^' ? missing / 2 : 0;
  TextBuilder out = rendering.text_builder();
  append_fill(out, spec, before);
  out.append(prefix, Trust::yes);
  if (align == '=') append_fill(out, spec, missing);
  out.append(body);
  if (align != '=') append_fill(out, spec, missing - before);
  return out.take();
}

TextPtr format_string(Rendering& rendering, const Value& value, const Spec& spec) {
  if (spec.type != 0 && spec.type != 's') raise_unknown(spec, "str");
  if (spec.sign != 0) raise(FaultKind::value_error, "Sign not allowed in string format specifier");
  if (spec.alternate) raise(FaultKind::value_error, "Alternate form (#) not allowed in string format specifier");
  if (spec.align == '=') raise(FaultKind::value_error, "'=' alignment not allowed in string format specifier");
  if (spec.grouping != 0) raise(FaultKind::value_error, "Cannot specify '{}' with 's'.", spec.grouping);
  TextPtr text = value.text_pointer();
  if (spec.precision >= 0 && static_cast<size_t>(spec.precision) < text->code_points) {
    text = slice_text(text, 0, text->offset_of(static_cast<size_t>(spec.precision)));
  }
  return pad(rendering, spec, '<', "", *text);
}

std::string sign_of(bool is_negative, const Spec& spec) {
  if (is_negative) return "-";
  return spec.sign == '+' || spec.sign == ' ' ? std::string(1, spec.sign) : "";
}

// Groups the whole part, growing it with zeros where the spec fills with them.
std::string grouped(const Spec& spec, const std::string& digits, size_t around) {
  if (spec.grouping == 0) return digits;
  const bool is_binary = spec.type == 'b' || spec.type == 'o' || spec.type == 'x' || spec.type == 'X';
  const size_t every = is_binary ? 4 : 3;
  std::string whole = digits;
  std::string result = group_digits(whole, spec.grouping, every);
  if (spec.fill != "0" || spec.align != '=') return result;
  while (static_cast<int64_t>(result.size() + around) < spec.width) {
    whole.insert(0, 1, '0');
    result = group_digits(whole, spec.grouping, every);
  }
  return result;
}

TextPtr format_real_spec(Rendering& rendering, double value, const Spec& spec, std::string_view type) {
  constexpr std::string_view kTypes = "eEfFgGn%";
  if (spec.type != 0 && (spec.type > 0x7F || kTypes.find(static_cast<char>(spec.type)) == std::string_view::npos)) {
    raise_unknown(spec, type);
  }
  const char letter = spec.type == 0     ? 0
                      : spec.type == 'n' ? 'g'
                      : spec.type == '%' ? 'f'
                                         : static_cast<char>(spec.type);
  const bool is_percent = spec.type == '%';
  const double shown = std::fabs(is_percent ? value * 100 : value);
  const int precision = spec.precision < 0 ? 6 : static_cast<int>(spec.precision);
  std::string digits;
  if (!std::isfinite(shown)) {
    digits = std::isnan(shown) ? "nan" : "inf";
    if (letter == 'E' || letter == 'F' || letter == 'G') digits = std::isnan(shown) ? "NAN" : "INF";
  } else if (letter != 0) {
    digits = format_real(shown, letter, precision, spec.alternate);
  } else {
    digits = spec.precision < 0 ? real_to_text(shown) : format_real_general(shown, precision);
  }
  if (is_percent) digits += "%";
  const std::string sign = sign_of(std::signbit(value) && !std::isnan(value), spec);
  const size_t whole = std::min(digits.find_first_not_of("0123456789"), digits.size());
  const std::string rest = digits.substr(whole);
  if (whole > 0) digits = grouped(spec, digits.substr(0, whole), sign.size() + rest.size()) + rest;
  return pad(rendering, spec, '>', sign, *make_text(digits, Trust::yes));
}

TextPtr format_character(Rendering& rendering, const Value& value, const Spec& spec) {
  if (spec.sign != 0) raise(FaultKind::value_error, "Sign not allowed with integer format specifier 'c'");
  const int64_t code = as_index(value, "%c");
  if (code < 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
    raise(FaultKind::overflow, "%c arg not in range(0x110000)");
  }
  std::string bytes;
  utf8::append(bytes, static_cast<char32_t>(code));
  return pad(rendering, spec, '>', "", *make_text(bytes, Trust::no));
}

TextPtr format_integer(Rendering& rendering, const Value& value, const Spec& spec) {
  constexpr std::string_view kReal = "eEfFgG%";
  if (spec.type != 0 && spec.type < 0x80 && kReal.find(static_cast<char>(spec.type)) != std::string_view::npos) {
    return format_real_spec(rendering, as_real(value), spec, "int");
  }
  if (spec.precision >= 0) raise(FaultKind::value_error, "Precision not allowed in integer format specifier");
  if (spec.type == 'c') return format_character(rendering, value, spec);
  int base = 10;
  std::string prefix;
  switch (spec.type) {
    case 0:
    case 'd':
    case 'n': break;
    case 'b': base = 2, prefix = "0b"; break;
    case 'o': base = 8, prefix = "0o"; break;
    case 'x': base = 16, prefix = "0x"; break;
    case 'X': base = 16, prefix = "0X"; break;
    default: raise_unknown(spec, "int");
  }
  const bool is_comma = spec.grouping == ',';
  if ((is_comma && base != 10) || (spec.grouping != 0 && spec.type == 'n')) {
    raise(FaultKind::value_error, "Cannot specify '{}' with '{}'.", spec.grouping, static_cast<char>(spec.type));
  }
  const BigInteger number = value.big();
  std::string digits = (number.is_negative() ? -number : number).to_digits(base);
  if (spec.type == 'X') {
    std::transform(digits.begin(), digits.end(), digits.begin(),
                   [](char c) { return c >= 'a' ? static_cast<char>(c - 32) : c; });
  }
  const std::string around = sign_of(number.is_negative(), spec) + (spec.alternate ? prefix : "");
  return pad(rendering, spec, '>', around, *make_text(grouped(spec, digits, around.size()), Trust::yes));
}

class BraceFormatter {
 public:
  BraceFormatter(Rendering& rendering, bool markup, const std::vector<Value>& positional, const Value& names)
      : rendering_(rendering), markup_(markup), positional_(positional), names_(names) {}

  TextPtr run(const Text& format, int depth) {
    if (depth < 0) raise(FaultKind::value_error, "Max string recursion exceeded");
    TextBuilder out = rendering_.text_builder();
    const std::string_view all = format.view();
    size_t at = 0;
    while (at < all.size()) {
      const size_t brace = std::min(all.find_first_of("{}", at), all.size());
      out.append_slice(format, at, brace);
      if (brace == all.size()) break;
      const bool is_doubled = brace + 1 < all.size() && all[brace + 1] == all[brace];
      if (is_doubled) {
        out.append_slice(format, brace, brace + 1);
        at = brace + 2;
        continue;
      }
      if (all[brace] == '}') raise(FaultKind::value_error, "Single '}}' encountered in format string");
      at = field(format, brace + 1, out, depth);
    }
    return out.take(markup_);
  }

 private:
  // Formats the field whose text begins at `begin`; gives where the text goes on.
  size_t field(const Text& format, size_t begin, TextBuilder& out, int depth) {
    const std::string_view all = format.view();
    if (begin >= all.size()) raise(FaultKind::value_error, "Single '{{' encountered in format string");
    size_t end = begin;
    bool in_bracket = false;
    for (; end < all.size(); ++end) {
      const char c = all[end];
      if (c == '{') raise(FaultKind::value_error, "unexpected '{{' in field name");
      if (in_bracket) {
        in_bracket = c != ']';
      } else if (c == '[') {
        in_bracket = true;
      } else if (c == '}' || c == ':' || c == '!') {
        break;
      }
    }
    const std::string_view name = all.substr(begin, end - begin);
    char conversion = 0;
    if (end < all.size() && all[end] == '!') {
      if (end + 2 >= all.size()) raise(FaultKind::value_error, "unmatched '{{' in format spec");
      conversion = all[end + 1];
      end += 2;
      if (all[end] != ':' && all[end] != '}') raise(FaultKind::value_error, "expected ':' after conversion specifier");
    }
    const size_t spec_begin = end < all.size() && all[end] == ':' ? end + 1 : end;
    int open = 1;
    size_t close = spec_begin;
    for (; close < all.size(); ++close) {
      open += all[close] == '{' ? 1 : all[close] == '}' ? -1 : 0;
      if (open == 0) break;
    }
    if (close >= all.size()) raise(FaultKind::value_error, "expected '}}' before end of string");
    const Value value = convert(value_of(name), conversion);
    const TextPtr spec =
        run(*make_text(std::string(all.substr(spec_begin, close - spec_begin)), Trust::yes), depth - 1);
    append_value(out, value, spec->bytes);
    return close + 1;
  }

  void append_value(TextBuilder& out, const Value& value, const std::string& spec) {
    if (!markup_) return out.append(*format_value(rendering_, value, spec));
    if (value.is_string() && value.text().markup) {
      if (!spec.empty()) raise(FaultKind::value_error, "Unsupported format specification for Markup.");
      return out.append(value.text());
    }
    out.append(*escape_text(rendering_, *format_value(rendering_, value, spec)));
  }

  Value convert(const Value& value, char conversion) {
    switch (conversion) {
      case 0: return value;
      case 's': return Value::string(to_text(rendering_, value));
      case 'a': return Value::string(ascii_repr(rendering_, value));
      case 'r': break;
      default: raise(FaultKind::value_error, "Unknown conversion specifier {}", conversion);
    }
    TextBuilder out = rendering_.text_builder();
    append_repr(rendering_, out, value);
    return Value::string(out.take());
  }

  // name.attribute[item]...
  Value value_of(std::string_view path) {
    size_t at = std::min(path.find_first_of(".["), path.size());
    Value value = first_value(path.substr(0, at));
    while (at < path.size()) {
      if (path[at] == '.') {
        const size_t end = std::min(path.find_first_of(".[", at + 1), path.size());
        if (end == at + 1) raise(FaultKind::value_error, "Empty attribute in format string");
        value = get_attribute(rendering_, value, path.substr(at + 1, end - at - 1));
        at = end;
        continue;
      }
      if (path[at] != '[') raise(FaultKind::value_error, "Only '.' or '[' may follow ']' in format field specifier");
      const size_t end = path.find(']', at);
      if (end == std::string_view::npos) raise(FaultKind::value_error, "Missing ']' in format string");
      const std::string_view key = path.substr(at + 1, end - at - 1);
      if (key.empty()) raise(FaultKind::value_error, "Empty attribute in format string");
      value = get_item(rendering_, value, key_of(key));
      at = end + 1;
    }
    return value;
  }

  static bool is_number(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  }

  static Value key_of(std::string_view text) {
    return is_number(text) ? Value::integer(BigInteger::from_digits(text, 10)) : Value::string(text);
  }

  Value first_value(std::string_view name) {
    if (name.empty() || is_number(name)) return positional_value(name);
    const Value* found = names_.is(Kind::dict) ? names_.as<Dict>().find(name) : nullptr;
    if (found == nullptr) raise(FaultKind::lookup_error, "'{}'", name);
    return *found;
  }

  Value positional_value(std::string_view name) {
    const bool is_auto = name.empty();
    if (numbering_ != Numbering::unknown && (numbering_ == Numbering::automatic) != is_auto) {
      raise(FaultKind::value_error, "cannot mix manual field specification and automatic field numbering");
    }
    numbering_ = is_auto ? Numbering::automatic : Numbering::manual;
    const Value index = is_auto ? Value::integer(next_++) : key_of(name);
    const int64_t at = as_index(index, "a field");
    if (at >= static_cast<int64_t>(positional_.size())) {
      raise(FaultKind::lookup_error, "Replacement index {} out of range for positional args tuple", at);
    }
    return positional_[static_cast<size_t>(at)];
  }

  enum class Numbering : uint8_t { unknown, automatic, manual };

  Rendering& rendering_;
  bool markup_;
  const std::vector<Value>& positional_;
  const Value& names_;
  Numbering numbering_ = Numbering::unknown;
  int64_t next_ = 0;
};

}  // namespace

TextPtr format_value(Rendering& rendering, const Value& value, std::string_view spec) {
  if (spec.empty()) return to_text(rendering, value);
  rendering.step();
  if (value.is_string()) return format_string(rendering, value, parse_spec(rendering, spec, "str"));
  if (value.is_integral()) return format_integer(rendering, value, parse_spec(rendering, spec, "int"));
  if (value.is(Kind::real))
    return format_real_spec(rendering, value.real(), parse_spec(rendering, spec, "float"), "float");
  raise(FaultKind::type_error, "unsupported format string passed to {}.__format__", type_name(value));
}

Value format_braces(Rendering& rendering, const Value& format, const std::vector<Value>& positional,
                    const Value& names) {
  constexpr int kNesting = 2;  // a field inside a field's spec, as Python has it
  BraceFormatter formatter(rendering, format.text().markup, positional, names);
  TextPtr text = formatter.run(format.text(), kNesting);
  rendering.charge_bytes(text->bytes.size());
  return Value::string(std::move(text));
}

}  // namespace mlxserving::text::jinja
