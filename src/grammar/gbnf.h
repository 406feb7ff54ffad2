// The grammar notation of llama.cpp (GBNF): name ::= "text" [class] name (group) | other, with * + ? {m,n} and #
// comments.
#pragma once

#include <string_view>

#include "grammar/rule_set.h"

namespace mlxserving::grammar {

// Rules that begin at `root`. Errors: invalid_request with the byte at fault; resource_exhausted.
Result<RuleSet> parse_gbnf(std::string_view text, RegexPool& pool, const RuleLimits& limits = {});

}  // namespace mlxserving::grammar
