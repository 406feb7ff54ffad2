#pragma once

#include <optional>
#include <string>

namespace mlxserving {

// The value of an environment variable; nothing when it is unset or empty. Nobody in this process sets one: any thread.
std::optional<std::string> environment_variable(const char* name);

}  // namespace mlxserving
