// What a path must be to be a model.
#pragma once

#include <string>

#include "mlxserving/error.h"

namespace mlxserving::format {

// Whether `path` is a directory, as a model in the MLX format is; the error says what to do with what is there instead.
// Errors: not_found, unsupported_model; `param` is the path.
Result<void> check_model_directory(const std::string& path);

}  // namespace mlxserving::format
