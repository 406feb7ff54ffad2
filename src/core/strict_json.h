// JSON as a protocol reads it: one meaning a text. What RFC 8259 leaves open is an error here.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/json.h"
#include "mlxserving/error.h"

namespace mlxserving {

struct StrictJsonLimits {
  int depth_max = 128;
  size_t members_max = 4096;            // of one object
  size_t values_max = size_t{1} << 22;  // of the document
};

// Parses one document. Besides what parse_json() refuses: a name that an object has twice, and numbers beyond the range
// of a double. Takes time linear in the text. Errors: invalid_request, saying where.
Result<Json> parse_strict_json(std::string_view text, const StrictJsonLimits& limits = {});

}  // namespace mlxserving
