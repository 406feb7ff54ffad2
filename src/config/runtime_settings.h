// What the runtime takes from its configuration, in its own types. The defaults are those of the schema's rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/json.h"

namespace mlxserving::config {

struct RuntimeSettings {
  // validation.mode: whether a wrong optional field fails its request, or is logged and counts as absent.
  bool strict = true;

  int64_t default_max_tokens = 512;                                        // model.default_max_tokens
  int64_t max_generation_tokens = 4096;                                    // model.max_generation_tokens
  double max_temperature = 2;                                              // model.max_temperature
  std::string default_dtype = "unknown";                                   // model.default_dtype
  std::optional<std::vector<std::string>> trusted_model_directories = {};  // absent: any
  int64_t max_schema_bytes = 32768;                                        // outlines.max_schema_size_bytes
  size_t max_line_bytes = size_t{64} << 20;  // python_bridge.max_buffer_size, where that is more
  int64_t shutdown_ms = 4000;                // four fifths of python_runtime.shutdown_timeout_ms
  bool telemetry = false;                    // telemetry.enabled
  double sampling_rate = 1;                  // telemetry.sampling_rate
  bool debug = false;                        // development.debug or development.verbose
  bool log_messages = false;                 // development.log_ipc

  // Not of the file: limits of the protocol, flags of `mlx-serving runtime`.
  size_t pending_max = 1024;                     // requests that wait for their reply
  size_t pending_bytes_max = size_t{256} << 20;  // of their lines
  size_t streams_max = 512;                      // generations under way
};

// Which key of runtime.yaml sets what: the table of keys that this program reads. The npm package reads others.
struct SettingRow {
  const char* key;
  void (*apply)(RuntimeSettings& settings, const Json& value);
};
std::span<const SettingRow> setting_rows();

// From a whole configuration that the schema allows, defaults filled in.
RuntimeSettings to_settings(const Json& config);

}  // namespace mlxserving::config
