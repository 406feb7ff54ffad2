// From a request's structured-output field to a grammar.
#pragma once

#include <memory>
#include <string_view>

#include "grammar/grammar.h"
#include "grammar/json_machine.h"
#include "grammar/json_options.h"
#include "grammar/rule_set.h"

namespace mlxserving::grammar {

struct CompileOptions {
  JsonLayout layout;
  JsonMachine::Limits json;
  RuleLimits rules;
  MaskStore::Limits masks;
};

// Errors name what cannot be enforced, with the JSON pointer of the keyword as `param`.
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

}  // namespace mlxserving::grammar
