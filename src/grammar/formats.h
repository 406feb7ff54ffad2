// The formats of JSON Schema that are asserted, as patterns.
#pragma once

#include <optional>
#include <string_view>

namespace mlxserving::grammar {

// The pattern of the whole string, or nothing for a format that is not known and so not asserted.
std::optional<std::string_view> format_pattern(std::string_view format);

}  // namespace mlxserving::grammar
