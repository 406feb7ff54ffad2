#include "core/environment.h"

#include <cstdlib>

namespace mlxserving {

std::optional<std::string> environment_variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): races with writers only, and there are none
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

}  // namespace mlxserving
