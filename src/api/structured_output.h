// What form a request asks its answer to have, in the spellings that clients of OpenAI and of vLLM use, and in the
// modes of JSON-RPC's `guidance`.
#pragma once

#include <string>

#include "core/json.h"
#include "mlxserving/constraint.h"
#include "mlxserving/error.h"
#include "schema/read.h"

namespace mlxserving::api {

// A constraint by the name of its kind: json_schema, json_object, xml, regex, choice, gbnf, lark, grammar (GBNF where
// it has "::=", else Lark) or structural_tag. Errors: invalid_request for a value that the kind cannot have, in the
// words
// "`what` must be ..."; for a kind that does not exist, its `param` is empty.
Result<Constraint> make_constraint(const std::string& kind, const Json& value, const std::string& what);

// {"type": "text" | "json_object" | "json_schema" | "structural_tag", ...}. `param` names the field in errors.
Result<Constraint> read_response_format(const Json& format, const std::string& param);

struct AskedForm {
  Constraint constraint = {};
  std::string field = {};  // that asked for it; empty: none did
};
// response_format, guided_json, guided_regex, guided_choice, guided_grammar and structured_outputs of a body that has
// rows for them. Errors: invalid_request, also where two of them ask.
Result<AskedForm> read_form(const schema::Reader& reader);

}  // namespace mlxserving::api
