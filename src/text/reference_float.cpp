#include "text/reference_float.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <string>

namespace mlxserving::text {
namespace {

constexpr int kExponentMax = 308;

std::array<double, kExponentMax + 1> make_powers() {
  std::array<double, kExponentMax + 1> powers{};
  for (int i = 0; i <= kExponentMax; ++i) {
    const std::string text = "1e" + std::to_string(i);
    std::from_chars(text.data(), text.data() + text.size(), powers[static_cast<size_t>(i)]);
  }
  return powers;
}

// The digits as an integer times a power of ten. Digits that no longer fit into 64 bits only move the point.
struct Decimal {
  uint64_t digits = 0;
  int exponent = 0;
  bool full = false;

  void append(char c, bool behind_point) {
    const auto digit = static_cast<uint64_t>(c - '0');
    full = full || digits > (UINT64_MAX - digit) / 10;
    if (!full) digits = digits * 10 + digit;
    exponent += full ? 1 : 0;
    exponent -= behind_point ? 1 : 0;
  }
};

}  // namespace

double reference_float(std::string_view token, double exact) {
  static const auto powers = make_powers();
  const bool negative = token.starts_with('-');
  if (negative) token.remove_prefix(1);
  Decimal decimal;
  bool behind_point = false;
  size_t i = 0;
  for (; i < token.size() && (token[i] == '.' || (token[i] >= '0' && token[i] <= '9')); ++i) {
    if (token[i] == '.') {
      behind_point = true;
    } else {
      decimal.append(token[i], behind_point);
    }
  }
  if (i < token.size() && (token[i] == 'e' || token[i] == 'E')) {
    const size_t digits = i + 1 + (token.substr(i + 1).starts_with('+') ? 1 : 0);
    int written = 0;
    std::from_chars(token.data() + digits, token.data() + token.size(), written);
    if (written < -2 * kExponentMax || written > 2 * kExponentMax) return exact;
    decimal.exponent += written;
  }
  if (decimal.exponent < -kExponentMax || decimal.exponent > kExponentMax) return exact;
  const auto value = static_cast<double>(decimal.digits);
  const double scaled = decimal.exponent < 0 ? value / powers[static_cast<size_t>(-decimal.exponent)]
                                             : value * powers[static_cast<size_t>(decimal.exponent)];
  return negative ? -scaled : scaled;
}

}  // namespace mlxserving::text
