// Logarithm and power from additions and multiplications in a fixed order. libm picks its code by CPU, and its last bit
// differs; what is drawn from a seed may not.
#pragma once

#include <cmath>
#include <limits>

namespace mlxserving::sampling {

// Natural logarithm of x >= 0, to a few units of the last place.
inline double fixed_log(double x) {
  if (x <= 0) return -std::numeric_limits<double>::infinity();
  int exponent = 0;
  double m = std::frexp(x, &exponent);  // exact
  if (m < 0.70710678118654752) {
    m *= 2;
    --exponent;
  }
  // log m = 2 artanh(s), whose series falls by s * s < 0.03 a term.
  const double s = (m - 1) / (m + 1);
  const double s2 = s * s;
  double series = 0;
  for (int term = 23; term >= 1; term -= 2) series = series * s2 + 1.0 / term;
  return exponent * 0.69314718055994531 + 2 * s * series;
}

// base to the n, by squaring.
inline double fixed_power(double base, unsigned n) {
  double power = 1;
  for (; n > 0; n >>= 1) {
    if ((n & 1U) != 0) power *= base;
    base *= base;
  }
  return power;
}

}  // namespace mlxserving::sampling
