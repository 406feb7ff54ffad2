// From a request's structured-output field to a grammar.
#pragma once

#include <memory>
#include <string_view>

#include "grammar/grammar.h"
#include "grammar/json_machine.h"
#include "grammar/json_options.h"

namespace mlxserving::grammar {

struct CompileOptions {
  JsonLayout layout;
  JsonMachine::Limits json;
  MaskStore::Limits masks;
};

// Errors name what cannot be enforced, with the JSON pointer of the keyword as `param`.
Result<std::shared_ptr<Grammar>> compile_json_schema(std::string_view schema,
                                                     std::shared_ptr<const Vocabulary> vocabulary,
                                                     const CompileOptions& options = {});

// Any JSON value.
Result<std::shared_ptr<Grammar>> compile_any_json(std::shared_ptr<const Vocabulary> vocabulary,
                                                  const CompileOptions& options = {});

}  // namespace mlxserving::grammar
