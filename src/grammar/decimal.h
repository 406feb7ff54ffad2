// Decimal numbers as their digits, and the byte language of the JSON numbers that keep bounds and a divisor. Nothing is
// ever rounded: 0.1 is one digit after the point, not a binary fraction.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mlxserving::grammar {

// sign * whole.fraction; `whole` has no leading zero (zero is "0"), `fraction` no trailing one. Zero is never negative.
struct Decimal {
  bool negative = false;
  std::string whole = "0";
  std::string fraction;

  bool is_zero() const { return whole == "0" && fraction.empty(); }
  bool is_integer() const { return fraction.empty(); }
  // The shortest fixed notation, which names the value.
  std::string text() const;
  friend bool operator==(const Decimal&, const Decimal&) = default;
};

constexpr int kDecimalDigitsMax = 400;  // digits of a bound, zeros of its exponent included; a double needs 309

// Any JSON number; nothing where it is none or has more than kDecimalDigitsMax digits.
std::optional<Decimal> parse_decimal(std::string_view text);

// -1, 0, 1.
int compare(const Decimal& a, const Decimal& b);

// What numbers a language holds. All that is given must hold.
struct NumberSpec {
  std::optional<Decimal> min, max;
  bool min_excluded = false, max_excluded = false;
  bool integer = false;  // the value is whole: 1.0 is, as the drafts since 6 say
  // The divisor is divisor * 10^-divisor_scale, 0 for none.
  uint64_t divisor = 0;
  int divisor_scale = 0;
};

constexpr uint64_t kDivisorMax = uint64_t{1} << 58;  // remainder * 10 + 9 stays within 64 bits

// Sets the divisor of `spec`; false where it is not positive or has too many digits.
bool set_divisor(NumberSpec& spec, const Decimal& divisor);

// Where one stands inside a number in fixed notation (no exponent). States are finite: what is past the digits of the
// bounds saturates. Equal states have equal futures.
struct NumberState {
  enum class Phase : uint8_t { start, sign, zero, whole, point, fraction };
  Phase phase = Phase::start;
  bool negative = false;
  bool nonzero = false;
  int16_t min_order = 0, max_order = 0;  // the digits so far against those of the bound's magnitude
  uint16_t digits = 0;                   // of the part one is in, saturated
  uint64_t remainder = 0;
  friend bool operator==(const NumberState&, const NumberState&) = default;
};

// The state after `byte`, or nothing where no number of the language goes on so.
std::optional<NumberState> step(const NumberSpec& spec, const NumberState& state, uint8_t byte);

// Whether the number may end here.
bool is_number(const NumberSpec& spec, const NumberState& state);

}  // namespace mlxserving::grammar
