// Integers past 64 bits, as Python has them. Small and plain: templates meet them as ids in tool arguments, not in
// loops.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mlxserving::text::jinja {

// Sign and magnitude; no leading zero words, and zero is not negative.
class BigInteger {
 public:
  BigInteger() = default;
  BigInteger(int64_t value);
  // The whole part of a finite number.
  static BigInteger truncate(double value);
  // Digits of base 2 to 36 after an optional sign; the caller has checked them.
  static BigInteger from_digits(std::string_view digits, int base);

  bool is_negative() const { return negative_; }
  bool is_zero() const { return words_.empty(); }
  size_t bits() const;
  std::optional<int64_t> to_int64() const;
  double to_double() const;  // round half to even; infinity when too large
  std::string to_digits(int base = 10) const;

  BigInteger operator-() const;
  friend BigInteger operator+(const BigInteger& a, const BigInteger& b);
  friend BigInteger operator-(const BigInteger& a, const BigInteger& b) { return a + -b; }
  friend BigInteger operator*(const BigInteger& a, const BigInteger& b);
  // Floor division, as Python's // and %; `b` is not zero.
  struct Division;
  static Division divide(const BigInteger& a, const BigInteger& b);
  // Below 0, 0 or above 0.
  static int compare(const BigInteger& a, const BigInteger& b);

 private:
  void trim();

  bool negative_ = false;
  std::vector<uint32_t> words_;  // least first
};

struct BigInteger::Division {
  BigInteger quotient;
  BigInteger remainder;
};

}  // namespace mlxserving::text::jinja
