// The filters of numbers, and those of any value: default, attr, pprint.
#include <cmath>
#include <cstdlib>

#include "text/jinja/access.h"
#include "text/jinja/builtins.h"
#include "text/jinja/fault.h"
#include "text/jinja/number_format.h"
#include "text/jinja/parameters.h"
#include "text/jinja/semantics.h"
#include "text/jinja/text_search.h"

namespace mlxserving::text::jinja {
namespace {

Value filter_abs(Rendering&, const Value& self, const Arguments& arguments) {
  check_no_arguments("abs", arguments);
  if (self.is(Kind::real)) return Value::real(std::fabs(self.real()));
  if (!self.is_integral()) raise(FaultKind::type_error, "bad operand type for abs(): '{}'", type_name(self));
  const BigInteger number = self.big();
  return Value::integer(number.is_negative() ? -number : number);
}

Value filter_default(Rendering&, const Value& self, const Arguments& arguments) {
  const Parameters given("default", arguments, {"default_value", "boolean"}, 0);
  const bool replaces = self.is_undefined() || (given.truth(1, false) && !is_true(self));
  if (!replaces) return self;
  return given.has(0) ? given[0] : Value::string("");
}

// int(value) where it is a number: nothing where Python raises TypeError or ValueError.
std::optional<Value> whole_of(const Value& value) {
  if (value.is(Kind::real)) {
    if (std::isnan(value.real())) return std::nullopt;
    return truncate_real(value.real());
  }
  if (value.is_integral()) return Value::integer(value.big());
  return std::nullopt;
}

Value filter_int(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("int", arguments, {"default", "base"}, 0);
  Value fallback = given.has(0) ? given[0] : Value::integer(0);
  if (self.is_undefined()) raise_undefined(self);
  if (!self.is_string()) return whole_of(self).value_or(fallback);
  const int64_t base = given.integer(1, 10);
  rendering.charge_bytes(self.text().bytes.size() * 16);
  constexpr size_t kDigitsMax = 4300;  // Python's own bound
  if (self.text().bytes.size() > kDigitsMax) return fallback;
  if (base == 0 || (base >= 2 && base <= 36)) {
    if (const auto number = parse_integer(self.text().bytes, static_cast<int>(base))) return *number;
  }
  const auto real = parse_real(self.text().bytes);
  return real && std::isfinite(*real) ? truncate_real(*real) : fallback;
}

Value filter_float(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("float", arguments, {"default"}, 0);
  Value fallback = given.has(0) ? given[0] : Value::real(0.0);
  if (self.is_undefined()) raise_undefined(self);
  if (self.is_number()) return Value::real(as_real(self));
  if (!self.is_string()) return fallback;
  rendering.charge_bytes(self.text().bytes.size());
  const auto real = parse_real(self.text().bytes);
  return real ? Value::real(*real) : fallback;
}

// round(value, digits) of Python: exact decimal digits, halves to even.
double round_real(double value, int64_t digits) {
  if (!std::isfinite(value) || digits > 323) return value;
  if (digits < -308) return std::copysign(0.0, value);
  if (digits >= 0) return std::strtod(format_real(value, 'f', static_cast<int>(digits), false).c_str(), nullptr);
  // The integer part is exact in decimal; what is cut decides the rounding.
  std::string whole = format_real(std::trunc(std::fabs(value)), 'f', 0, false);
  const bool has_rest = std::fabs(value) != std::trunc(std::fabs(value));
  const auto cut = static_cast<size_t>(-digits);
  if (whole.size() < cut) return std::copysign(0.0, value);
  const std::string tail = whole.substr(whole.size() - cut);
  const std::string half = "5" + std::string(cut - 1, '0');
  const std::string head = whole.substr(0, whole.size() - cut);
  const bool is_odd = !head.empty() && (head.back() - '0') % 2 != 0;
  const bool rounds_up = tail > half || (tail == half && (has_rest || is_odd));
  BigInteger kept = BigInteger::from_digits(head.empty() ? "0" : head, 10);
  if (rounds_up) kept = kept + BigInteger(1);
  const double result = std::strtod((kept.to_digits() + "e" + std::to_string(cut)).c_str(), nullptr);
  return std::copysign(result, value);
}

Value round_integer(Rendering& rendering, const Value& value, int64_t digits) {
  if (digits >= 0) return Value::integer(value.big());
  const size_t digits_max = rendering.limits().integer_bits_max / 3;
  if (digits < -static_cast<int64_t>(digits_max)) return Value::integer(0);
  const BigInteger unit = BigInteger::from_digits("1" + std::string(static_cast<size_t>(-digits), '0'), 10);
  const BigInteger::Division division = BigInteger::divide(value.big(), unit);
  const int half = BigInteger::compare(division.remainder + division.remainder, unit);
  const bool is_odd = !BigInteger::divide(division.quotient, BigInteger(2)).remainder.is_zero();
  const bool rounds_up = half > 0 || (half == 0 && is_odd);
  return Value::integer((division.quotient + BigInteger(rounds_up ? 1 : 0)) * unit);
}

Value filter_round(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("round", arguments, {"precision", "method"}, 0);
  const Value method = given.has(1) ? given[1] : Value::string("common");
  const std::string name = method.is_string() ? method.text().bytes : "";
  if (name != "common" && name != "ceil" && name != "floor") {
    raise(FaultKind::runtime_error, "method must be common, ceil or floor");
  }
  const Value precision = given.has(0) ? given[0] : Value::integer(0);
  if (name == "common") {
    if (!self.is_number()) {
      raise(FaultKind::type_error, "type {} doesn't define __round__ method", type_name(self));
    }
    if (precision.is_none()) return self.is(Kind::real) ? truncate_real(std::nearbyint(self.real())) : positive(self);
    const int64_t digits = as_index(precision, "precision");
    return self.is(Kind::real) ? Value::real(round_real(self.real(), digits)) : round_integer(rendering, self, digits);
  }
  const Value unit = calculate(rendering, Arithmetic::pow, Value::integer(10), precision);
  const Value scaled = calculate(rendering, Arithmetic::mul, self, unit);
  if (!scaled.is_number()) raise(FaultKind::type_error, "must be real number, not {}", type_name(scaled));
  Value whole = scaled;
  if (scaled.is(Kind::real)) {
    whole = truncate_real(name == "ceil" ? std::ceil(scaled.real()) : std::floor(scaled.real()));
  }
  return calculate(rendering, Arithmetic::div, whole, unit);
}

Value filter_filesizeformat(Rendering&, const Value& self, const Arguments& arguments) {
  const Parameters given("filesizeformat", arguments, {"binary"}, 0);
  const bool is_binary = given.truth(0, false);
  if (self.is_undefined()) raise_undefined(self);
  double bytes = 0;
  if (self.is_number()) {
    bytes = as_real(self);
  } else {
    if (!self.is_string()) {
      raise(FaultKind::type_error, "float() argument must be a string or a real number, not '{}'", type_name(self));
    }
    const auto parsed = parse_real(self.text().bytes);
    if (!parsed) raise(FaultKind::value_error, "could not convert string to float: {}", repr(self));
    bytes = *parsed;
  }
  const double base = is_binary ? 1024 : 1000;
  if (bytes == 1) return Value::string("1 Byte");
  if (bytes < base) {
    return Value::string(truncate_real(bytes).big().to_digits() + " Bytes");
  }
  constexpr std::string_view kPrefixes = "kMGTPEZY";
  double unit = base;
  size_t last = 0;
  for (size_t i = 0; i < kPrefixes.size(); ++i) {
    unit *= base;
    last = i;
    if (bytes < unit) break;
  }
  const std::string number =
      std::isfinite(bytes) ? format_real(base * bytes / unit, 'f', 1, false) : real_to_text(bytes);
  const char letter = is_binary && last == 0 ? 'K' : kPrefixes[last];
  return Value::string(fmt::format("{} {}{}", number, letter, is_binary ? "iB" : "B"));
}

Value filter_attr(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("attr", arguments, {"name"}, 1);
  if (!given[0].is_string())
    raise(FaultKind::type_error, "attribute name must be string, not '{}'", type_name(given[0]));
  Value found = python_attribute(rendering, self, given[0].text().bytes);
  if (!found.is_missing()) return found;
  if (self.is_undefined()) raise_undefined(self);
  return make_undefined_attribute(self, given[0]);
}

Value filter_random(Rendering&, const Value&, const Arguments&) {
  raise(FaultKind::runtime_error, "the random filter is not supported: one request must give one text");
}

constexpr Builtin kFilters[] = {
    {"default", filter_default}, {"d", filter_default},
    {"int", filter_int},         {"float", filter_float},
    {"round", filter_round},     {"abs", filter_abs},
    {"attr", filter_attr},       {"filesizeformat", filter_filesizeformat},
    {"random", filter_random},
};

}  // namespace

std::span<const Builtin> number_filters() { return kFilters; }

std::optional<double> parse_real(std::string_view text) {
  TextPtr trimmed = make_text(std::string(text), Trust::yes);
  trimmed = strip(trimmed, StripSides::both, nullptr);
  std::string clean;
  const std::string& bytes = trimmed->bytes;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const auto is_digit = [&](size_t at) { return at < bytes.size() && bytes[at] >= '0' && bytes[at] <= '9'; };
    if (bytes[i] == '_') {
      if (i == 0 || !is_digit(i - 1) || !is_digit(i + 1)) return std::nullopt;
      continue;
    }
    clean.push_back(bytes[i] >= 'A' && bytes[i] <= 'Z' ? static_cast<char>(bytes[i] + 32) : bytes[i]);
  }
  const size_t sign = !clean.empty() && (clean[0] == '+' || clean[0] == '-') ? 1 : 0;
  const std::string body = clean.substr(sign);
  const bool is_negative = sign == 1 && clean[0] == '-';
  if (body == "inf" || body == "infinity") return is_negative ? -HUGE_VAL : HUGE_VAL;
  if (body == "nan") return std::nan("");
  if (body.empty() || body.find_first_not_of("0123456789.e+-") != std::string::npos) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(clean.c_str(), &end);
  if (*end != '\0' || end == clean.c_str()) return std::nullopt;
  return value;
}

std::optional<Value> parse_integer(std::string_view text, int base) {
  const TextPtr trimmed = strip(make_text(std::string(text), Trust::yes), StripSides::both, nullptr);
  std::string_view digits = trimmed->view();
  bool is_negative = false;
  if (!digits.empty() && (digits[0] == '+' || digits[0] == '-')) {
    is_negative = digits[0] == '-';
    digits.remove_prefix(1);
  }
  const auto prefix = [&](char letter, int of_base) {
    const bool has = digits.size() > 2 && digits[0] == '0' && (digits[1] | 0x20) == letter;
    if (!has || (base != of_base && base != 0)) return false;
    digits.remove_prefix(2);
    if (!digits.empty() && digits[0] == '_') digits.remove_prefix(1);
    base = of_base;
    return true;
  };
  const bool has_prefix = prefix('x', 16) || prefix('o', 8) || prefix('b', 2);
  const bool guesses = base == 0 && !has_prefix;
  if (base == 0) base = 10;
  std::string clean = is_negative ? "-" : "";
  bool can_part = false;
  for (const char c : digits) {
    if (c == '_') {
      if (!can_part) return std::nullopt;
      can_part = false;
      continue;
    }
    const int digit = c >= '0' && c <= '9'                     ? c - '0'
                      : (c | 0x20) >= 'a' && (c | 0x20) <= 'z' ? (c | 0x20) - 'a' + 10
                                                               : 99;
    if (digit >= base) return std::nullopt;
    can_part = true;
    clean.push_back(c);
  }
  if (!can_part) return std::nullopt;
  Value value = Value::integer(BigInteger::from_digits(clean, base));
  // int("012", 0) is refused: an old octal.
  if (guesses && digits[0] == '0' && is_true(value)) return std::nullopt;
  return value;
}

}  // namespace mlxserving::text::jinja
