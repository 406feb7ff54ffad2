#include "text/jinja/number_format.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace mlxserving::text::jinja {

std::string format_real(double value, char type, int precision, bool keeps_point) {
  const char format[] = {'%', '#', '.', '*', type, '\0'};
  const char plain[] = {'%', '.', '*', type, '\0'};
  const char* chosen = keeps_point ? format : plain;
  const int size = std::snprintf(nullptr, 0, chosen, precision, value);
  std::string digits(static_cast<size_t>(size) + 1, '\0');
  std::snprintf(digits.data(), digits.size(), chosen, precision, value);
  digits.pop_back();
  return digits;
}

std::string format_real_general(double value, int precision) {
  precision = precision == 0 ? 1 : precision;
  const std::string scientific = format_real(value, 'e', precision - 1, false);
  const int exponent = std::atoi(scientific.c_str() + scientific.find('e') + 1);
  // One digit less than %g allows, so that there is room for the decimal.
  if (exponent < -4 || exponent >= precision - 1) {
    std::string mantissa = scientific.substr(0, scientific.find('e'));
    if (mantissa.find('.') != std::string::npos) {
      while (mantissa.back() == '0') mantissa.pop_back();
      if (mantissa.back() == '.') mantissa.pop_back();
    }
    return mantissa + scientific.substr(scientific.find('e'));
  }
  std::string digits = format_real(value, 'g', precision, false);
  if (digits.find('.') == std::string::npos) digits += ".0";
  return digits;
}

std::string group_digits(const std::string& digits, char separator, size_t every) {
  std::string grouped;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % every == 0) grouped.push_back(separator);
    grouped.push_back(digits[i]);
  }
  return grouped;
}

}  // namespace mlxserving::text::jinja
