// Unicode general categories as sets of code points, for \p{...}.
#pragma once

#include <optional>
#include <string_view>

#include "grammar/char_set.h"

namespace mlxserving::grammar {

// "L", "Lu", "Letter", ..., or nothing where the name is not a general category.
std::optional<CharSet> unicode_class(std::string_view name);

// The letter in the other case, or the character itself.
char32_t other_case(char32_t c);

}  // namespace mlxserving::grammar
