// Numbers as digits: what % formatting and format() share.
#pragma once

#include <string>

namespace mlxserving::text::jinja {

// One of e E f F g G, as C and Python both write them; `keeps_point` is the # flag. Not for inf and nan.
std::string format_real(double value, char type, int precision, bool keeps_point);

// A float without a type in format(): %g that shows at least one decimal.
std::string format_real_general(double value, int precision);

// "1234567" to "1,234,567"
std::string group_digits(const std::string& digits, char separator, size_t every);

}  // namespace mlxserving::text::jinja
