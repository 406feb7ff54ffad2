// What is wrong with a text that is not JSON, in words.
#pragma once

#include <string>

#include "core/json.h"

namespace mlxserving {

// What the parser found wrong and where: "line 1, column 5: ...". It repeats the token it was reading, however long.
std::string fault_of(const Json::exception& error);

}  // namespace mlxserving
