// How a fault is told: the default texts of each voice, the names of types in it, and the filling of placeholders.
#pragma once

#include <string>
#include <string_view>

#include "core/json.h"
#include "schema/schema.h"

namespace mlxserving::schema {

// What a check knows when it fails.
struct Fault {
  const Type& type;
  const Json* value;       // null: absent
  std::string_view field;  // where, in the voice's way: stop_sequences[1]
  size_t size = 0;         // of a string or list
  Range range = {};        // in force, after the configuration's bounds
};

using TextOf = const char* Texts::*;

// The type's own text for this kind of fault or the voice's, filled in.
std::string tell(TextOf which, const Fault& fault, Voice voice);

}  // namespace mlxserving::schema
