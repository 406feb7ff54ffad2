// The text of a message's content, which protocols write as a string or as a list of typed blocks.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "core/json.h"
#include "mlxserving/error.h"

namespace mlxserving::api {

// A member that is a string, or "".
std::string text_member(const Json& object, const char* name);

// A member that must be a string. Errors: invalid_request; they call the object `field`.
Result<std::string> required_text(const Json& object, const char* name, const std::string& field);

// Blocks of the types in `types` are joined. Errors: invalid_request for any other, `field` naming it.
Result<std::string> content_text(const Json& content, std::initializer_list<std::string_view> types,
                                 const std::string& field);

}  // namespace mlxserving::api
