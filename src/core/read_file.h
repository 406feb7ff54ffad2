// Whole small files as strings.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "mlxserving/error.h"

namespace mlxserving {

// The bytes of a regular file of at most `bytes_max`. Errors: not_found, io, resource_exhausted; `param` is the path.
Result<std::string> read_file(const std::string& path, size_t bytes_max = size_t{1} << 30);

// Writes through a temporary file in the same folder and renames it, so that a reader never sees half a file.
Result<void> write_file(const std::string& path, std::string_view bytes);

}  // namespace mlxserving
