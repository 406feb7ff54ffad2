#include "text/jinja/semantics.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "text/jinja/characters.h"
#include "text/jinja/fault.h"
#include "text/jinja/loop.h"

namespace mlxserving::text::jinja {
namespace {

void append_escaped(TextBuilder& out, char32_t c, Trust trust) {
  if (c == '\n') return out.append("\\n", trust);
  if (c == '\r') return out.append("\\r", trust);
  if (c == '\t') return out.append("\\t", trust);
  const auto code = static_cast<uint32_t>(c);
  if (code < 0x100) return out.append(fmt::format("\\x{:02x}", code), trust);
  if (code < 0x10000) return out.append(fmt::format("\\u{:04x}", code), trust);
  out.append(fmt::format("\\U{:08x}", code), trust);
}

// Python quotes with ' unless that needs escapes and " does not.
void append_text_repr(TextBuilder& out, const Text& text) {
  const bool has_single = text.bytes.find('\'') != std::string::npos;
  const char quote = has_single && text.bytes.find('"') == std::string::npos ? '"' : '\'';
  if (text.markup) out.append("Markup(", Trust::yes);
  out.append(quote, Trust::yes);
  TrustReader trust(text);
  for (CodePoints at(text.bytes); at; at.advance()) {
    const Trust from = trust.at(at.offset());
    if (*at == static_cast<char32_t>(quote) || *at == '\\') {
      out.append('\\', from);
      out.append_code_point(*at, from);
    } else if (is_printable(*at)) {
      out.append_code_point(*at, from);
    } else {
      append_escaped(out, *at, from);
    }
  }
  out.append(quote, Trust::yes);
  if (text.markup) out.append(')', Trust::yes);
}

void append_items_repr(Rendering& rendering, TextBuilder& out, const std::vector<Value>& items) {
  bool is_first = true;
  for (const Value& item : items) {
    if (!is_first) out.append(", ", Trust::yes);
    is_first = false;
    append_repr(rendering, out, item);
  }
}

void append_dict_repr(Rendering& rendering, TextBuilder& out, const Dict& dict) {
  out.append('{', Trust::yes);
  bool is_first = true;
  for (const auto& [key, value] : dict.entries) {
    if (!is_first) out.append(", ", Trust::yes);
    is_first = false;
    append_repr(rendering, out, key);
    out.append(": ", Trust::yes);
    append_repr(rendering, out, value);
  }
  out.append('}', Trust::yes);
}

void append_view_repr(Rendering& rendering, TextBuilder& out, const Value& value) {
  const View& view = value.as<View>();
  out.append(type_name(value), Trust::yes);
  out.append("([", Trust::yes);
  for (size_t i = 0; i < view.size(); ++i) {
    if (i > 0) out.append(", ", Trust::yes);
    append_repr(rendering, out, view.at(i));
  }
  out.append("])", Trust::yes);
}

void append_namespace_repr(Rendering& rendering, TextBuilder& out, const Value& value) {
  const Rendering::Printing guard(rendering, value.identity());
  out.append("<Namespace {", Trust::yes);
  if (guard.is_repeated()) return out.append("...}>", Trust::yes);
  bool is_first = true;
  for (const auto& [name, attribute] : value.as<Namespace>().attributes) {
    if (!is_first) out.append(", ", Trust::yes);
    is_first = false;
    append_text_repr(out, *make_text(name, Trust::no));
    out.append(": ", Trust::yes);
    append_repr(rendering, out, attribute);
  }
  out.append("}>", Trust::yes);
}

std::string range_repr(const Range& range) {
  if (range.step == 1) return fmt::format("range({}, {})", range.start, range.stop);
  return fmt::format("range({}, {}, {})", range.start, range.stop, range.step);
}

std::string other_repr(Rendering& rendering, const Value& value) {
  switch (value.kind()) {
    case Kind::range: return range_repr(value.as<Range>());
    case Kind::iterator: return fmt::format("<{} object>", type_name(value));
    case Kind::function: return fmt::format("<function {}>", value.as<Function>().name);
    case Kind::loop:
      return fmt::format("<LoopContext {}/{}>", value.as<Loop>().index0 + 1, value.as<Loop>().length(rendering));
    default: return fmt::format("<{}>", type_name(value));
  }
}

}  // namespace

std::string real_to_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[40];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  const std::string_view written(buffer, static_cast<size_t>(result.ptr - buffer));
  const size_t e = written.find('e');
  const int exponent = std::stoi(std::string(written.substr(e + 1)));
  std::string sign = written[0] == '-' ? "-" : "";
  std::string digits;
  for (const char c : written.substr(0, e)) {
    if (c >= '0' && c <= '9') digits.push_back(c);
  }
  if (exponent < -4 || exponent >= 16) {
    const std::string fraction = digits.size() > 1 ? "." + digits.substr(1) : "";
    return fmt::format("{}{}{}e{}{:02}", sign, digits[0], fraction, exponent < 0 ? '-' : '+', std::abs(exponent));
  }
  if (exponent < 0) return sign + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  const auto whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= whole) return sign + digits + std::string(whole - digits.size(), '0') + ".0";
  return sign + digits.substr(0, whole) + "." + digits.substr(whole);
}

void append_repr(Rendering& rendering, TextBuilder& out, const Value& value) {
  rendering.step();
  const Rendering::Depth depth(rendering);
  switch (value.kind()) {
    case Kind::undefined: return out.append("Undefined", Trust::yes);
    case Kind::string: return append_text_repr(out, value.text());
    case Kind::dict: return append_dict_repr(rendering, out, value.as<Dict>());
    case Kind::view: return append_view_repr(rendering, out, value);
    case Kind::space: return append_namespace_repr(rendering, out, value);
    case Kind::list:
      out.append('[', Trust::yes);
      append_items_repr(rendering, out, value.as<Sequence>().items);
      return out.append(']', Trust::yes);
    case Kind::tuple:
      out.append('(', Trust::yes);
      append_items_repr(rendering, out, value.as<Sequence>().items);
      return out.append(value.as<Sequence>().items.size() == 1 ? ",)" : ")", Trust::yes);
    case Kind::none:
    case Kind::boolean:
    case Kind::integer:
    case Kind::real: return out.append(*to_text(rendering, value));
    default: return out.append(other_repr(rendering, value), Trust::yes);
  }
}

TextPtr to_text(Rendering& rendering, const Value& value) {
  static const TextPtr kEmpty = make_text("", Trust::yes);
  static const TextPtr kNone = make_text("None", Trust::yes);
  static const TextPtr kTrue = make_text("True", Trust::yes);
  static const TextPtr kFalse = make_text("False", Trust::yes);
  switch (value.kind()) {
    case Kind::string: return value.text_pointer();
    case Kind::missing:
    case Kind::undefined: return kEmpty;
    case Kind::none: return kNone;
    case Kind::boolean: return value.truth() ? kTrue : kFalse;
    case Kind::integer:
      return make_text(value.is_big() ? value.big().to_digits() : std::to_string(value.small()), Trust::yes);
    case Kind::real: return make_text(real_to_text(value.real()), Trust::yes);
    default: break;
  }
  TextBuilder out = rendering.text_builder();
  append_repr(rendering, out, value);
  rendering.charge_bytes(out.size());
  return out.take();
}

Value to_string(Rendering& rendering, const Value& value) {
  return value.is_string() ? value : Value::string(to_text(rendering, value));
}

std::string repr(const Value& value) {
  constexpr size_t kShown = 200;  // in an error message
  if (value.value_depth() > 2) return fmt::format("<{}>", type_name(value));
  Rendering rendering(Limits{}, {});
  TextBuilder out = rendering.text_builder();
  append_repr(rendering, out, value);
  const TextPtr text = out.take();
  if (text->code_points <= kShown) return text->bytes;
  return text->bytes.substr(0, text->offset_of(kShown)) + "...";
}

bool is_true(const Value& value) {
  switch (value.kind()) {
    case Kind::missing:
    case Kind::undefined:
    case Kind::none: return false;
    case Kind::boolean: return value.truth();
    case Kind::integer: return value.is_big() || value.small() != 0;
    case Kind::real: return value.real() != 0;
    case Kind::string: return !value.text().bytes.empty();
    case Kind::list:
    case Kind::tuple: return !value.as<Sequence>().items.empty();
    case Kind::dict: return !value.as<Dict>().entries.empty();
    case Kind::range: return value.as<Range>().size() != 0;
    case Kind::view: return value.as<View>().size() != 0;
    default: return true;
  }
}

int64_t length_of(Rendering& rendering, const Value& value) {
  switch (value.kind()) {
    case Kind::undefined: return 0;
    case Kind::string: return static_cast<int64_t>(value.text().code_points);
    case Kind::list:
    case Kind::tuple: return static_cast<int64_t>(value.as<Sequence>().items.size());
    case Kind::dict: return static_cast<int64_t>(value.as<Dict>().entries.size());
    case Kind::range: return value.as<Range>().size();
    case Kind::view: return static_cast<int64_t>(value.as<View>().size());
    case Kind::loop: return value.as<Loop>().length(rendering);
    default: raise(FaultKind::type_error, "object of type '{}' has no len()", type_name(value));
  }
}

namespace {

int compare_numbers(const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) {
    if (!a.is_big() && !b.is_big()) return a.small() < b.small() ? -1 : a.small() > b.small() ? 1 : 0;
    return BigInteger::compare(a.big(), b.big());
  }
  // An integer against a float: exact, as Python does it.
  const bool first_is_real = a.is(Kind::real);
  const double real = first_is_real ? a.real() : b.real();
  const Value& whole = first_is_real ? b : a;
  int order = 0;
  if (std::isinf(real)) {
    order = real > 0 ? -1 : 1;
  } else {
    order = BigInteger::compare(whole.big(), BigInteger::truncate(real));
    const double rest = real - std::trunc(real);
    if (order == 0 && rest != 0) order = rest > 0 ? -1 : 1;
  }
  return first_is_real ? -order : order;
}

bool is_nan(const Value& value) { return value.is(Kind::real) && std::isnan(value.real()); }

bool equal_numbers(const Value& a, const Value& b) {
  if (is_nan(a) || is_nan(b)) return false;
  if (a.is(Kind::real) && b.is(Kind::real)) return a.real() == b.real();
  return compare_numbers(a, b) == 0;
}

bool equal_or_same(const Value& a, const Value& b) { return is_same(a, b) || equals(a, b); }

bool equal_items(const std::vector<Value>& a, const std::vector<Value>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), equal_or_same);
}

bool equal_dicts(const Dict& a, const Dict& b) {
  if (a.entries.size() != b.entries.size()) return false;
  return std::all_of(a.entries.begin(), a.entries.end(), [&b](const auto& entry) {
    const Value* other = b.find(entry.first);
    return other != nullptr && equal_or_same(entry.second, *other);
  });
}

bool equal_ranges(const Range& a, const Range& b) {
  const int64_t size = a.size();
  if (size != b.size()) return false;
  if (size == 0) return true;
  return a.start == b.start && (size == 1 || a.step == b.step);
}

bool equal_views(const View& a, const View& b) {
  if (a.of != b.of) return false;
  if (a.of == ViewOf::values) return &a == &b;
  const Dict& first = a.dict.as<Dict>();
  const Dict& second = b.dict.as<Dict>();
  if (a.of == ViewOf::items) return equal_dicts(first, second);
  return first.entries.size() == second.entries.size() &&
         std::all_of(first.entries.begin(), first.entries.end(),
                     [&](const auto& entry) { return second.find(entry.first) != nullptr; });
}

}  // namespace

bool is_same(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return false;
  if (a.is_none() || a.is_missing()) return true;
  if (a.is(Kind::boolean)) return a.truth() == b.truth();
  if (a.is(Kind::integer) && !a.is_big() && !b.is_big()) return a.small() == b.small();
  if (a.is(Kind::real)) return a.real() == b.real();
  return a.identity() != nullptr && a.identity() == b.identity();
}

bool equals(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return equal_numbers(a, b);
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::undefined:
    case Kind::none: return true;
    case Kind::string: return a.text().bytes == b.text().bytes;
    case Kind::list:
    case Kind::tuple: return equal_items(a.as<Sequence>().items, b.as<Sequence>().items);
    case Kind::dict: return equal_dicts(a.as<Dict>(), b.as<Dict>());
    case Kind::range: return equal_ranges(a.as<Range>(), b.as<Range>());
    case Kind::view: return equal_views(a.as<View>(), b.as<View>());
    case Kind::function: {
      const auto& first = a.as<Function>();
      const auto& second = b.as<Function>();
      return first.code == second.code && first.name == second.name && is_same(first.self, second.self);
    }
    default: return a.identity() == b.identity();
  }
}

bool less(const Value& a, const Value& b, const char* op) {
  if (a.is_number() && b.is_number()) {
    if (is_nan(a) || is_nan(b)) return false;
    if (a.is(Kind::real) && b.is(Kind::real)) return a.real() < b.real();
    return compare_numbers(a, b) < 0;
  }
  if (a.is_string() && b.is_string()) return a.text().bytes < b.text().bytes;  // UTF-8 sorts as code points do
  if (a.kind() == b.kind() && (a.is(Kind::list) || a.is(Kind::tuple))) {
    const auto& first = a.as<Sequence>().items;
    const auto& second = b.as<Sequence>().items;
    const size_t shared = std::min(first.size(), second.size());
    for (size_t i = 0; i < shared; ++i) {
      if (!equal_or_same(first[i], second[i])) return less(first[i], second[i], op);
    }
    return first.size() < second.size();
  }
  if (a.is_undefined()) raise_undefined(a);
  if (b.is_undefined()) raise_undefined(b);
  raise(FaultKind::type_error, "'{}' not supported between instances of '{}' and '{}'", op, type_name(a), type_name(b));
}

bool contains(Rendering& rendering, const Value& container, const Value& item) {
  if (container.is_string()) {
    if (!item.is_string()) {
      if (item.is_undefined()) {
        raise(FaultKind::type_error, "'in <string>' requires string as left operand, not Undefined");
      }
      raise(FaultKind::type_error, "'in <string>' requires string as left operand, not {}", type_name(item));
    }
    rendering.charge_bytes(container.text().bytes.size());
    return container.text().bytes.find(item.text().bytes) != std::string::npos;
  }
  if (container.is(Kind::dict)) {
    rendering.charge_weight(item);
    return container.as<Dict>().find(item) != nullptr;
  }
  if (container.is(Kind::view) && container.as<View>().of == ViewOf::keys) {
    return container.as<View>().dict.as<Dict>().find(item) != nullptr;
  }
  if (!is_iterable(container)) {
    raise(FaultKind::type_error, "argument of type '{}' is not iterable", type_name(container));
  }
  rendering.charge_weight(item);
  const auto items = iterate(rendering, container);
  for (Value candidate; items->next(rendering, candidate);) {
    rendering.charge_weight(candidate);
    if (equal_or_same(candidate, item)) return true;
  }
  return false;
}

bool compare(Rendering& rendering, Comparison op, const Value& a, const Value& b) {
  rendering.charge_items(std::min(a.weight(), b.weight()) - 1);
  switch (op) {
    case Comparison::eq: return equals(a, b);
    case Comparison::ne: return !equals(a, b);
    case Comparison::lt: return less(a, b, "<");
    case Comparison::gt: return less(b, a, ">");
    case Comparison::in: return contains(rendering, b, a);
    case Comparison::not_in: return !contains(rendering, b, a);
    case Comparison::le:
    case Comparison::ge: break;
  }
  if (is_nan(a) || is_nan(b)) {
    if (a.is_number() && b.is_number()) return false;
  }
  // a <= b is not b < a for everything ordered, but sequences must compare their first difference with <=.
  return op == Comparison::le ? !less(b, a, "<=") : !less(a, b, ">=");
}

}  // namespace mlxserving::text::jinja
