// JSON: the library behind one name, and the one way foreign text becomes a value.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string_view>

#include "mlxserving/error.h"

namespace mlxserving {

// Keeps the order of keys, as users wrote them.
using Json = nlohmann::ordered_json;

struct JsonLimits {
  size_t bytes_max = size_t{256} << 20;
  int depth_max = 128;
};

// Parses one JSON document. `what` names it in the error ("config.json"). Invalid UTF-8, trailing bytes, duplicate-free
// or not: as RFC 8259, the last duplicate wins. Deeper than `depth_max` is an error before anything is built.
Result<Json> parse_json(std::string_view text, std::string_view what, const JsonLimits& limits = {});

// As above from a file, whose path then stands in errors.
Result<Json> read_json_file(const std::string& path, const JsonLimits& limits = {});

// Text of a value; invalid UTF-8 in strings comes out as U+FFFD instead of an exception. `indent` < 0: one line.
std::string to_text(const Json& value, int indent = -1);

}  // namespace mlxserving
