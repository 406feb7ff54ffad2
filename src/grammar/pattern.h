// Regular expressions as ECMA-262 writes them (with the "u" flag's view of characters), as languages of bytes.
#pragma once

#include <string_view>

#include "grammar/char_set.h"
#include "grammar/regex_pool.h"
#include "mlxserving/error.h"

namespace mlxserving::grammar {

struct PatternLimits {
  size_t bytes_max = 64 * 1024;
  int depth_max = 100;
  uint32_t repeat_max = 100'000;  // of a counted repeat; more is "unbounded" nowhere, but refused
};

struct PatternOptions {
  Spelling spelling = Spelling::utf8;
  // The text need only contain a match, as JSON Schema says; else it is the match.
  bool is_search = true;
  bool ignore_case = false;
  bool dot_all = false;  // the dot takes line ends too
};

// The language of the texts that match. Look-ahead is an intersection with what follows. Refused, with the place:
// back-references, look-behind, word boundaries, anchors or look-ahead inside a repeat.
Result<RegexId> parse_pattern(RegexPool& pool, std::string_view pattern, const PatternOptions& options = {},
                              const PatternLimits& limits = {});

}  // namespace mlxserving::grammar
