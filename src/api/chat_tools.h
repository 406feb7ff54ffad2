// Tools of a chat: what the request says of them, how the model's dialect writes calls, how a call can be forced.
#pragma once

#include <optional>
#include <string>

#include "api/generation.h"
#include "core/json.h"
#include "mlxserving/constraint.h"
#include "mlxserving/engine.h"

namespace mlxserving::api {

struct ToolChoice {
  enum class Kind { automatic, none, required, named } kind = Kind::automatic;
  std::string name = {};  // of named
};

// "auto", "none", "required" or {"type": "function", "function": {"name"}}, also {"type": "function", "name"}.
// Errors: invalid_request, also for a name that `tools` lacks.
Result<ToolChoice> read_tool_choice(const Json& value, const Json& tools);

// OpenAI's list: each {"type": "function", "function": {"name", "description", "parameters", "strict"}}; null is none.
Result<void> check_tools(const Json& tools);

// What holds the answer's calls: required and named tool_choice make it nothing but calls; with automatic choice a tool
// that is `strict` has every call follow its schema, and text stays free. None where nothing is asked for.
// Errors: invalid_request where the dialect's calls are no text that a grammar can hold.
Result<Constraint> call_constraint(const std::string& dialect, const Json& tools, const ToolChoice& choice,
                                   bool parallel);

// How the answer's text is read: the model's dialect where there are tools, its reasoning tags in any case.
ParserFactory make_parser(const ModelInfo& info, const Json& tools, const std::string& rendered_prompt);

}  // namespace mlxserving::api
