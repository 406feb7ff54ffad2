// From a request's constraint to a grammar: one front-end a kind of constraint.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "grammar/grammar.h"
#include "grammar/json_machine.h"
#include "grammar/json_options.h"
#include "grammar/rule_set.h"
#include "mlxserving/constraint.h"

namespace mlxserving::grammar {

struct CompileOptions {
  JsonLayout layout;
  JsonMachine::Limits json;
  RuleLimits rules;
  MaskStore::Limits masks;
};

// Errors: invalid_request that says what cannot be enforced (`param` is a JSON pointer, a rule's name or the notation's
// own), or what is unsatisfiable; resource_exhausted where a limit is reached. Free text (std::monostate) has no
// grammar and is refused. A constraint's own layout goes before that of the options.
Result<std::shared_ptr<Grammar>> compile(const Constraint& constraint,
                                         const std::shared_ptr<const Vocabulary>& vocabulary,
                                         const CompileOptions& options = {});

// What an error or a log line calls the constraint: "json_schema", "regex" ...
const char* name_of(const Constraint& constraint);

// Equal for constraints that compile to the same grammar.
std::string content_key(const Constraint& constraint);

Result<std::shared_ptr<Grammar>> compile_json_schema(std::string_view schema,
                                                     std::shared_ptr<const Vocabulary> vocabulary,
                                                     const CompileOptions& options = {});

// Any JSON value.
Result<std::shared_ptr<Grammar>> compile_any_json(std::shared_ptr<const Vocabulary> vocabulary,
                                                  const CompileOptions& options = {});

// The whole text matches the pattern, in the notation of ECMA-262.
Result<std::shared_ptr<Grammar>> compile_regex(std::string_view pattern, std::shared_ptr<const Vocabulary> vocabulary,
                                               const CompileOptions& options = {});

// The text is one of these.
Result<std::shared_ptr<Grammar>> compile_choices(std::span<const std::string> choices,
                                                 std::shared_ptr<const Vocabulary> vocabulary,
                                                 const CompileOptions& options = {});

// A grammar in the notation of llama.cpp, from its rule `root`.
Result<std::shared_ptr<Grammar>> compile_gbnf(std::string_view text, std::shared_ptr<const Vocabulary> vocabulary,
                                              const CompileOptions& options = {});

// A grammar in the notation of Lark, from its rule `start`.
Result<std::shared_ptr<Grammar>> compile_lark(std::string_view text, std::shared_ptr<const Vocabulary> vocabulary,
                                              const CompileOptions& options = {});

Result<std::shared_ptr<Grammar>> compile_xml(const XmlConstraint& xml, std::shared_ptr<const Vocabulary> vocabulary,
                                             const CompileOptions& options = {});

Result<std::shared_ptr<Grammar>> compile_structural_tags(const StructuralTagConstraint& tags,
                                                         std::shared_ptr<const Vocabulary> vocabulary,
                                                         const CompileOptions& options = {});

}  // namespace mlxserving::grammar
