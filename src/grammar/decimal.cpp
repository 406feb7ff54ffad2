#include "grammar/decimal.h"

#include <algorithm>
#include <cstdlib>

namespace mlxserving::grammar {
namespace {

using Phase = NumberState::Phase;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Digits before the point of |bound|, for comparison with as many read.
int order_of(char read, const std::string& digits, size_t index) {
  const char bound = index < digits.size() ? digits[index] : '0';
  return read < bound ? -1 : read > bound ? 1 : 0;
}

void read_whole(const std::optional<Decimal>& bound, int16_t& order, size_t index, char digit) {
  if (bound && order == 0 && index < bound->whole.size())
    order = static_cast<int16_t>(order_of(digit, bound->whole, index));
}

void end_whole(const std::optional<Decimal>& bound, int16_t& order, size_t digits) {
  if (!bound) return;
  if (digits != bound->whole.size()) order = digits < bound->whole.size() ? -1 : 1;
}

void read_fraction(const std::optional<Decimal>& bound, int16_t& order, size_t index, char digit) {
  if (bound && order == 0) order = static_cast<int16_t>(order_of(digit, bound->fraction, index));
}

// The magnitude's order is known: what of the bound was not read makes it the greater.
int final_order(const Decimal& bound, const NumberState& state, int order) {
  if (state.phase == Phase::whole || state.phase == Phase::zero) {
    if (state.digits != bound.whole.size()) return state.digits < bound.whole.size() ? -1 : 1;
    return order != 0 ? order : bound.fraction.empty() ? 0 : -1;
  }
  if (order != 0) return order;
  return state.digits < bound.fraction.size() ? -1 : 0;
}

int compare_with(const Decimal& bound, const NumberState& state, int order) {
  const bool negative = state.negative && state.nonzero;
  if (!state.nonzero) return bound.is_zero() ? 0 : bound.negative ? 1 : -1;
  if (negative != bound.negative || bound.is_zero()) return negative ? -1 : 1;
  const int magnitude = final_order(bound, state, order);
  return negative ? -magnitude : magnitude;
}

uint16_t saturated(size_t digits, size_t max) { return static_cast<uint16_t>(std::min(digits, max)); }

size_t whole_max(const NumberSpec& spec) {
  return 1 + std::max(spec.min ? spec.min->whole.size() : 0, spec.max ? spec.max->whole.size() : 0);
}

size_t fraction_max(const NumberSpec& spec) {
  const size_t bounds = std::max(spec.min ? spec.min->fraction.size() : 0, spec.max ? spec.max->fraction.size() : 0);
  return 1 + std::max(bounds, static_cast<size_t>(spec.divisor_scale));
}

NumberState whole_digit(const NumberSpec& spec, NumberState state, char digit) {
  read_whole(spec.min, state.min_order, state.digits, digit);
  read_whole(spec.max, state.max_order, state.digits, digit);
  state.phase = state.phase == Phase::whole || digit != '0' ? Phase::whole : Phase::zero;
  state.digits = saturated(state.digits + 1U, whole_max(spec));
  state.nonzero = state.nonzero || digit != '0';
  if (spec.divisor != 0) state.remainder = (state.remainder * 10 + static_cast<uint64_t>(digit - '0')) % spec.divisor;
  return state;
}

std::optional<NumberState> fraction_digit(const NumberSpec& spec, NumberState state, char digit) {
  if (spec.integer && digit != '0') return std::nullopt;
  const size_t index = state.phase == Phase::point ? 0 : state.digits;
  read_fraction(spec.min, state.min_order, index, digit);
  read_fraction(spec.max, state.max_order, index, digit);
  if (spec.divisor != 0) {
    if (index >= static_cast<size_t>(spec.divisor_scale)) {
      if (digit != '0') return std::nullopt;  // finer than any multiple
    } else {
      state.remainder = (state.remainder * 10 + static_cast<uint64_t>(digit - '0')) % spec.divisor;
    }
  }
  state.phase = Phase::fraction;
  state.digits = saturated(index + 1, fraction_max(spec));
  state.nonzero = state.nonzero || digit != '0';
  return state;
}

bool is_multiple(const NumberSpec& spec, const NumberState& state) {
  if (spec.divisor == 0) return true;
  const size_t read = state.phase == Phase::fraction ? state.digits : 0;
  uint64_t remainder = state.remainder;
  for (size_t i = read; i < static_cast<size_t>(spec.divisor_scale); ++i) remainder = remainder * 10 % spec.divisor;
  return remainder == 0;
}

// Certain already, whatever digits follow: -1 less, 1 greater than |bound|, 0 not certain.
int certain_order(const Decimal& bound, const NumberState& state, int order) {
  const bool is_whole = state.phase == Phase::whole || state.phase == Phase::zero;
  if (!is_whole) return order;
  if (state.digits > bound.whole.size()) return 1;
  return state.digits == bound.whole.size() && order > 0 ? 1 : 0;
}

// No number of the language begins so.
bool is_hopeless(const NumberSpec& spec, const NumberState& state) {
  if (state.phase == Phase::start) return false;
  const auto& far = state.negative ? spec.min : spec.max;   // bounds the magnitude from above
  const auto& near = state.negative ? spec.max : spec.min;  // from below, where it has the sign
  if (far && far->negative != state.negative && !far->is_zero()) return true;
  if (far && far->is_zero() && state.nonzero) return true;
  if (state.phase == Phase::sign) return false;
  const int far_order = state.negative ? state.min_order : state.max_order;
  const int near_order = state.negative ? state.max_order : state.min_order;
  if (far && !far->is_zero() && certain_order(*far, state, far_order) > 0) return true;
  return near && near->negative == state.negative && !near->is_zero() && certain_order(*near, state, near_order) < 0;
}

std::optional<NumberState> next_state(const NumberSpec& spec, const NumberState& state, uint8_t byte);

}  // namespace

std::string Decimal::text() const { return (negative ? "-" : "") + whole + (fraction.empty() ? "" : "." + fraction); }

std::optional<Decimal> parse_decimal(std::string_view text) {
  Decimal value;
  size_t at = 0;
  if (at < text.size() && text[at] == '-') value.negative = ++at > 0;
  std::string digits;
  const size_t whole_start = at;
  while (at < text.size() && is_digit(text[at])) digits += text[at++];
  if (at == whole_start) return std::nullopt;
  long point = static_cast<long>(digits.size());
  if (at < text.size() && text[at] == '.') {
    const size_t start = ++at;
    while (at < text.size() && is_digit(text[at])) digits += text[at++];
    if (at == start) return std::nullopt;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    if (text.size() - at > 8) return std::nullopt;
    char* end = nullptr;
    const std::string exponent(text.substr(at + 1));
    if (exponent.empty()) return std::nullopt;
    point += std::strtol(exponent.c_str(), &end, 10);
    if (*end != '\0') return std::nullopt;
    at = text.size();
  }
  if (at != text.size() || digits.size() > kDecimalDigitsMax || std::labs(point) > kDecimalDigitsMax)
    return std::nullopt;
  if (point < 0) digits.insert(0, static_cast<size_t>(-point), '0'), point = 0;
  if (static_cast<size_t>(point) > digits.size()) digits.append(static_cast<size_t>(point) - digits.size(), '0');
  value.whole = digits.substr(0, static_cast<size_t>(point));
  value.fraction = digits.substr(static_cast<size_t>(point));
  value.whole.erase(0, std::min(value.whole.find_first_not_of('0'), value.whole.size()));
  if (value.whole.empty()) value.whole = "0";
  while (!value.fraction.empty() && value.fraction.back() == '0') value.fraction.pop_back();
  if (value.is_zero()) value.negative = false;
  return value;
}

int compare(const Decimal& a, const Decimal& b) {
  if (a.negative != b.negative) return a.negative ? -1 : 1;
  const int sign = a.negative ? -1 : 1;
  if (a.whole.size() != b.whole.size()) return a.whole.size() < b.whole.size() ? -sign : sign;
  const int whole = a.whole.compare(b.whole);
  const int order = whole != 0 ? whole : a.fraction.compare(b.fraction);
  return order == 0 ? 0 : order < 0 ? -sign : sign;
}

bool set_divisor(NumberSpec& spec, const Decimal& divisor) {
  if (divisor.negative || divisor.is_zero()) return false;
  const std::string digits = (divisor.whole == "0" ? "" : divisor.whole) + divisor.fraction;
  const std::string significant = digits.substr(std::min(digits.find_first_not_of('0'), digits.size()));
  if (significant.size() > 17) return false;
  spec.divisor = std::strtoull(significant.c_str(), nullptr, 10);
  spec.divisor_scale = static_cast<int>(divisor.fraction.size());
  return spec.divisor < kDivisorMax;
}

std::optional<NumberState> step(const NumberSpec& spec, const NumberState& state, uint8_t byte) {
  auto next = next_state(spec, state, byte);
  if (next && is_hopeless(spec, *next)) next.reset();
  return next;
}

namespace {

std::optional<NumberState> next_state(const NumberSpec& spec, const NumberState& state, uint8_t byte) {
  const char c = static_cast<char>(byte);
  NumberState next = state;
  switch (state.phase) {
    case Phase::start:
      if (c == '-') {
        next.phase = Phase::sign;
        next.negative = true;
        return next;
      }
      [[fallthrough]];
    case Phase::sign: return is_digit(c) ? std::optional(whole_digit(spec, next, c)) : std::nullopt;
    case Phase::whole:
      if (is_digit(c)) return whole_digit(spec, next, c);
      [[fallthrough]];
    case Phase::zero:
      if (c != '.') return std::nullopt;
      end_whole(spec.min, next.min_order, state.digits);
      end_whole(spec.max, next.max_order, state.digits);
      next.phase = Phase::point;
      next.digits = 0;
      return next;
    case Phase::point:
    case Phase::fraction: return is_digit(c) ? fraction_digit(spec, next, c) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

bool is_number(const NumberSpec& spec, const NumberState& state) {
  if (state.phase == Phase::start || state.phase == Phase::sign || state.phase == Phase::point) return false;
  if (spec.min) {
    const int order = compare_with(*spec.min, state, state.min_order);
    if (order < 0 || (order == 0 && spec.min_excluded)) return false;
  }
  if (spec.max) {
    const int order = compare_with(*spec.max, state, state.max_order);
    if (order > 0 || (order == 0 && spec.max_excluded)) return false;
  }
  return is_multiple(spec, state);
}

}  // namespace mlxserving::grammar
