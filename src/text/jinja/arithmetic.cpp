// + - * / // % ** as Python has them.
#include <cmath>

#include "text/jinja/fault.h"
#include "text/jinja/format.h"
#include "text/jinja/markup.h"
#include "text/jinja/semantics.h"

namespace mlxserving::text::jinja {
namespace {

constexpr const char* kSigns[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};

[[noreturn]] void raise_operands(Arithmetic op, const Value& a, const Value& b) {
  if (a.is_undefined()) raise_undefined(a);
  if (b.is_undefined()) raise_undefined(b);
  if (op == Arithmetic::add && (a.is_string() || a.is(Kind::list) || a.is(Kind::tuple))) {
    raise(FaultKind::type_error, "can only concatenate {} (not \"{}\") to {}", type_name(a), type_name(b),
          type_name(a));
  }
  raise(FaultKind::type_error, "unsupported operand type(s) for {}: '{}' and '{}'", kSigns[static_cast<size_t>(op)],
        type_name(a), type_name(b));
}

[[noreturn]] void raise_zero_division(const char* what) { raise(FaultKind::zero_division, "{}", what); }

Value checked_big(Rendering& rendering, const BigInteger& value) {
  if (value.bits() > rendering.limits().integer_bits_max) {
    raise(FaultKind::limit, "an integer must have at most {} bits", rendering.limits().integer_bits_max);
  }
  rendering.charge_bytes(value.bits());
  return Value::integer(value);
}

double quotient_of(const Value& a, const Value& b) {
  // Both fit a double exactly: one rounding. Else scale so that the integer quotient holds more bits than a double.
  constexpr int64_t kExact = int64_t{1} << 53;
  const auto fits = [](const Value& v) { return !v.is_big() && v.small() <= kExact && v.small() >= -kExact; };
  if (fits(a) && fits(b)) return static_cast<double>(a.small()) / static_cast<double>(b.small());
  BigInteger dividend = a.big();
  const BigInteger divisor = b.big();
  const bool negative = dividend.is_negative() != divisor.is_negative();
  if (dividend.is_negative()) dividend = -dividend;
  const BigInteger magnitude = divisor.is_negative() ? -divisor : divisor;
  const int shift = static_cast<int>(magnitude.bits()) - static_cast<int>(dividend.bits()) + 66;
  BigInteger scaled_divisor = magnitude;
  for (int i = 0; i < shift; ++i) dividend = dividend + dividend;
  for (int i = 0; i < -shift; ++i) scaled_divisor = scaled_divisor + scaled_divisor;
  BigInteger::Division division = BigInteger::divide(dividend, scaled_divisor);
  if (!division.remainder.is_zero()) division.quotient = division.quotient * BigInteger(2) + BigInteger(1);
  const int exponent = division.remainder.is_zero() ? -shift : -shift - 1;
  const double result = std::ldexp(division.quotient.to_double(), exponent);
  if (std::isinf(result)) raise(FaultKind::overflow, "integer division result too large for a float");
  return negative ? -result : result;
}

double floor_mod(double a, double b) {
  double rest = std::fmod(a, b);
  if (rest != 0) {
    if ((b < 0) != (rest < 0)) rest += b;
  } else {
    rest = std::copysign(0.0, b);
  }
  return rest;
}

double floor_div(double a, double b) {
  const double rest = std::fmod(a, b);
  double div = (a - rest) / b;
  if (rest != 0 && (b < 0) != (rest < 0)) div -= 1.0;
  if (div == 0) return std::copysign(0.0, a / b);
  double floored = std::floor(div);
  if (div - floored > 0.5) floored += 1.0;
  return floored;
}

Value power_of_reals(double base, double exponent) {
  if (base == 0 && exponent < 0) raise_zero_division("0.0 cannot be raised to a negative power");
  if (base < 0 && std::isfinite(base) && std::isfinite(exponent) && exponent != std::trunc(exponent)) {
    raise(FaultKind::type_error, "a negative number to a fractional power is complex, which templates do not have");
  }
  const double result = std::pow(base, exponent);
  if (std::isinf(result) && std::isfinite(base) && std::isfinite(exponent)) {
    raise(FaultKind::overflow, "(34, 'Numerical result out of range')");
  }
  return Value::real(result);
}

Value power_of_integers(Rendering& rendering, const Value& a, const Value& b) {
  const BigInteger exponent = b.big();
  if (exponent.is_negative()) return power_of_reals(as_real(a), as_real(b));
  BigInteger base = a.big();
  const bool is_trivial = base.bits() <= 1;
  if (is_trivial) {
    const bool is_odd = BigInteger::divide(exponent, BigInteger(2)).remainder.is_zero() == false;
    if (exponent.is_zero() || (base.is_negative() && !is_odd)) return Value::integer(1);
    return Value::integer(base);
  }
  const auto times = exponent.to_int64();
  const auto bits_max = static_cast<int64_t>(rendering.limits().integer_bits_max);
  if (!times || *times > bits_max || static_cast<int64_t>(base.bits() - 1) * *times > bits_max) {
    raise(FaultKind::limit, "an integer must have at most {} bits", bits_max);
  }
  BigInteger result(1);
  for (int64_t left = *times; left > 0; left >>= 1) {
    if ((left & 1) != 0) result = result * base;
    if (left > 1) base = base * base;
  }
  return checked_big(rendering, result);
}

Value calculate_big(Rendering& rendering, Arithmetic op, const BigInteger& a, const BigInteger& b) {
  switch (op) {
    case Arithmetic::add: return checked_big(rendering, a + b);
    case Arithmetic::sub: return checked_big(rendering, a - b);
    case Arithmetic::mul: return checked_big(rendering, a * b);
    case Arithmetic::floordiv: return Value::integer(BigInteger::divide(a, b).quotient);
    default: return Value::integer(BigInteger::divide(a, b).remainder);
  }
}

Value calculate_integers(Rendering& rendering, Arithmetic op, const Value& a, const Value& b) {
  const bool divides = op == Arithmetic::div || op == Arithmetic::floordiv || op == Arithmetic::mod;
  if (divides && !b.is_big() && b.small() == 0) {
    raise_zero_division(op == Arithmetic::div   ? "division by zero"
                        : op == Arithmetic::mod ? "integer modulo by zero"
                                                : "integer division or modulo by zero");
  }
  if (op == Arithmetic::div) return Value::real(quotient_of(a, b));
  if (op == Arithmetic::pow) return power_of_integers(rendering, a, b);
  if (!a.is_big() && !b.is_big()) {
    int64_t result = 0;
    bool overflow = false;
    switch (op) {
      case Arithmetic::add: overflow = __builtin_add_overflow(a.small(), b.small(), &result); break;
      case Arithmetic::sub: overflow = __builtin_sub_overflow(a.small(), b.small(), &result); break;
      case Arithmetic::mul: overflow = __builtin_mul_overflow(a.small(), b.small(), &result); break;
      default:
        overflow = a.small() == INT64_MIN && b.small() == -1;
        if (overflow) break;
        result = op == Arithmetic::mod ? a.small() % b.small() : a.small() / b.small();
        if (a.small() % b.small() != 0 && (a.small() < 0) != (b.small() < 0)) {
          result += op == Arithmetic::mod ? b.small() : -1;
        }
    }
    if (!overflow) return Value::integer(result);
  }
  return calculate_big(rendering, op, a.big(), b.big());
}

Value calculate_reals(Arithmetic op, double a, double b) {
  switch (op) {
    case Arithmetic::add: return Value::real(a + b);
    case Arithmetic::sub: return Value::real(a - b);
    case Arithmetic::mul: return Value::real(a * b);
    case Arithmetic::pow: return power_of_reals(a, b);
    case Arithmetic::div:
      if (b == 0) raise_zero_division("float division by zero");
      return Value::real(a / b);
    case Arithmetic::floordiv:
      if (b == 0) raise_zero_division("float floor division by zero");
      return Value::real(floor_div(a, b));
    case Arithmetic::mod: break;
  }
  if (b == 0) raise_zero_division("float modulo");
  return Value::real(floor_mod(a, b));
}

Value concatenate(Rendering& rendering, const Value& a, const Value& b) {
  TextBuilder out = rendering.text_builder();
  const bool is_markup = a.text().markup || b.text().markup;
  out.append(is_markup ? *escape(rendering, a) : a.text());
  out.append(is_markup ? *escape(rendering, b) : b.text());
  rendering.charge_bytes(out.size());
  return Value::string(out.take(is_markup));
}

Value join_sequences(Rendering& rendering, const Value& a, const Value& b) {
  std::vector<Value> items = a.as<Sequence>().items;
  const auto& more = b.as<Sequence>().items;
  items.insert(items.end(), more.begin(), more.end());
  return a.is(Kind::list) ? rendering.make_list(std::move(items)) : rendering.make_tuple(std::move(items));
}

Value repeat(Rendering& rendering, const Value& value, const Value& count) {
  const int64_t times = std::max<int64_t>(0, as_index(count, "a repeat count"));
  if (value.is_string()) {
    const Text& text = value.text();
    const size_t bytes_max = rendering.limits().string_bytes_max;
    if (!text.bytes.empty() && static_cast<uint64_t>(times) > bytes_max / text.bytes.size()) {
      raise(FaultKind::limit, "a string must be at most {} bytes", bytes_max);
    }
    TextBuilder out = rendering.text_builder();
    if (!text.bytes.empty()) {
      rendering.charge_bytes(text.bytes.size() * static_cast<size_t>(times));
      for (int64_t i = 0; i < times; ++i) out.append(text);
    }
    return Value::string(out.take(text.markup));
  }
  const auto& items = value.as<Sequence>().items;
  if (!items.empty() && static_cast<uint64_t>(times) > rendering.limits().items_max / items.size()) {
    rendering.check_items(rendering.limits().items_max + 1);
  }
  std::vector<Value> repeated;
  for (int64_t i = 0; i < times && !items.empty(); ++i) repeated.insert(repeated.end(), items.begin(), items.end());
  return value.is(Kind::list) ? rendering.make_list(std::move(repeated)) : rendering.make_tuple(std::move(repeated));
}

bool can_repeat(const Value& value) { return value.is_string() || value.is(Kind::list) || value.is(Kind::tuple); }

}  // namespace

double as_real(const Value& value) {
  if (value.is(Kind::real)) return value.real();
  if (!value.is_big()) return static_cast<double>(value.small());
  const double real = value.big().to_double();
  if (std::isinf(real)) raise(FaultKind::overflow, "int too large to convert to float");
  return real;
}

Value truncate_real(double value) {
  if (std::isnan(value)) raise(FaultKind::value_error, "cannot convert float NaN to integer");
  if (std::isinf(value)) raise(FaultKind::overflow, "cannot convert float infinity to integer");
  return Value::integer(BigInteger::truncate(value));
}

int64_t as_index(const Value& value, const char* what) {
  if (value.is_undefined()) raise_undefined(value);
  if (!value.is_integral()) {
    raise(FaultKind::type_error, "{} must be an integer, not '{}'", what, type_name(value));
  }
  if (value.is_big()) return value.big().is_negative() ? INT64_MIN : INT64_MAX;
  return value.small();
}

Value calculate(Rendering& rendering, Arithmetic op, const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) return calculate_integers(rendering, op, a, b);
  if (a.is_number() && b.is_number()) return calculate_reals(op, as_real(a), as_real(b));
  if (op == Arithmetic::add) {
    if (a.is_string() && b.is_string()) return concatenate(rendering, a, b);
    if (a.kind() == b.kind() && (a.is(Kind::list) || a.is(Kind::tuple))) return join_sequences(rendering, a, b);
  }
  if (op == Arithmetic::mul) {
    if (can_repeat(a) && b.is_integral()) return repeat(rendering, a, b);
    if (can_repeat(b) && a.is_integral()) return repeat(rendering, b, a);
  }
  if (op == Arithmetic::mod && a.is_string()) return format_percent(rendering, a, b);
  raise_operands(op, a, b);
}

Value negate(const Value& value) {
  if (value.is_undefined()) raise_undefined(value);
  if (value.is(Kind::real)) return Value::real(-value.real());
  if (value.is_integral()) return Value::integer(-value.big());
  raise(FaultKind::type_error, "bad operand type for unary -: '{}'", type_name(value));
}

Value positive(const Value& value) {
  if (value.is_undefined()) raise_undefined(value);
  if (value.is(Kind::boolean)) return Value::integer(value.small());
  if (value.is_number()) return value;
  raise(FaultKind::type_error, "bad operand type for unary +: '{}'", type_name(value));
}

}  // namespace mlxserving::text::jinja
