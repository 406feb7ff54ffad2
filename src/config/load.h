// The configuration in force. Lowest to highest: the defaults of the schema's rows, runtime.yaml, its section
// environments.<environment>, telemetry.yaml beside it; the command line and variables such as MLX_SERVING_LOG_LEVEL
// come after, where they are read (docs/configuration.md).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/runtime_settings.h"
#include "core/json.h"
#include "mlxserving/error.h"

namespace mlxserving::config {

// "production", "test" or "development": MLX_SERVING_ENV, else PYTHON_ENV, else NODE_ENV; any other name is
// development.
std::string environment_name();

// The file that MLX_SERVING_CONFIG names, if it names one.
std::optional<std::string> configured_path();

// Reads, merges and checks; without a path, the defaults. Errors name every fault, one a line.
Result<RuntimeSettings> load_settings(const std::optional<std::string>& path, const std::string& environment);

// The value of "a.b.c", or null.
const Json* find_key(const Json& config, std::string_view key);

// Objects are merged, everything else is replaced.
void merge(Json& base, const Json& over);

// Every key with its row's default.
Json default_config();

// runtime.yaml merged over the defaults, as `environment` sees it, without its section `environments`.
Json effective_config(const Json& file, const std::string& environment);

}  // namespace mlxserving::config
