// Lark's notation for grammars (https://lark-parser.readthedocs.io/en/latest/grammar.html), as rules.
#pragma once

#include <string_view>

#include "grammar/rule_set.h"

namespace mlxserving::grammar {

// Rules, terminals, strings and regular expressions with flags, ranges, repeats, aliases, templates, %import common,
// %ignore. A text is in the language if it can be cut into terminals in any way, as Lark's dynamic Earley lexer has it;
// so priorities change nothing. Refused: imports of other modules, %declare, %override, %extend.
Result<RuleSet> parse_lark(std::string_view text, RegexPool& pool, const RuleLimits& limits);

}  // namespace mlxserving::grammar
