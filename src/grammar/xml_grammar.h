// Grammars of XML documents: from an example document, or from an XML Schema.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "grammar/char_set.h"
#include "grammar/decimal.h"
#include "grammar/rule_set.h"

namespace mlxserving::grammar {

// The document as a model: its elements, nested and ordered as they stand; a leaf's text or an attribute's value names
// its type (xml_type), or is itself where it names none. A repeated sibling stands for one or more. Reserved
// attributes: x-min and x-max ("*" for no bound) say how often an element comes, x-optional="true" that it may not.
Result<RuleSet> read_xml_model(std::string_view document, RegexPool& pool, const RuleLimits& limits);

// XML Schema 1.0, the part that docs/structured-output.md lists; what it does not is refused, with the line. The root
// is the first global element.
Result<RuleSet> read_xml_schema(std::string_view document, RegexPool& pool, const RuleLimits& limits);

// The values of a type as they are spelled in text or in an attribute. `name` is a built-in type of XML Schema
// without its prefix.
std::optional<RegexId> xml_type(RegexPool& pool, std::string_view name, Spelling spelling);

// Whether the type's values are decimal numbers, and what whole-number bounds it has.
std::optional<NumberSpec> xml_number(std::string_view name);

// What may stand between two elements: nothing, or a line end and an indent.
RegexId xml_gap(RegexPool& pool);

}  // namespace mlxserving::grammar
