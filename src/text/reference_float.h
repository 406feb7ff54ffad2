// A JSON number as the reference core reads it: its parser (Rust's serde_json without float_roundtrip) takes the digits
// as an integer and scales that by a power of ten, which rounds twice. A score's last bit decides between equal paths
// of Unigram, so ids are the reference's only if this is too.
#pragma once

#include <string_view>

namespace mlxserving::text {

// `token` is a valid JSON number, perhaps with white space behind it, and `exact` its nearest double, which is given
// where the exponent is outside the range of powers of ten.
double reference_float(std::string_view token, double exact);

}  // namespace mlxserving::text
