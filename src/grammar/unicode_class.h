// Unicode general categories as sets of code points, for \p{...}.
#pragma once

#include <optional>
#include <string_view>

#include "grammar/char_set.h"

namespace mlxserving::grammar {

// "L", "Lu", "Letter", ..., or nothing where the name is not a general category.
std::optional<CharSet> unicode_class(std::string_view name);

}  // namespace mlxserving::grammar
