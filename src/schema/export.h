// The tables in other languages: what `mlx-serving schema` prints and client/src/generated holds.
#pragma once

#include <string>

#include "core/json.h"
#include "schema/schema.h"

namespace mlxserving::schema {

// One document, draft 2020-12, with every message under $defs.
Json to_json_schema();

// One message on its own; it refers to others as "<prefix>Name".
Json to_json_schema(const Message& message, const std::string& prefix);

// An interface for every message and a type for every named choice.
std::string to_typescript();

// Zod 3: a constant for every named type, and `<name>Schema` for every message.
std::string to_zod();

}  // namespace mlxserving::schema
