#include "config/runtime_settings.h"

#include <algorithm>

#include "config/load.h"

namespace mlxserving::config {
namespace {

constexpr SettingRow kRows[] = {
    {"validation.mode", [](RuntimeSettings& s, const Json& v) { s.strict = v == "strict"; }},
    {"model.default_max_tokens", [](RuntimeSettings& s, const Json& v) { s.default_max_tokens = v.get<int64_t>(); }},
    {"model.max_generation_tokens",
     [](RuntimeSettings& s, const Json& v) { s.max_generation_tokens = v.get<int64_t>(); }},
    {"model.max_temperature", [](RuntimeSettings& s, const Json& v) { s.max_temperature = v.get<double>(); }},
    {"model.default_dtype", [](RuntimeSettings& s, const Json& v) { s.default_dtype = v.get<std::string>(); }},
    {"model.trusted_model_directories",
     [](RuntimeSettings& s, const Json& v) {
       if (!v.is_null()) s.trusted_model_directories = v.get<std::vector<std::string>>();
     }},
    {"outlines.max_schema_size_bytes",
     [](RuntimeSettings& s, const Json& v) { s.max_schema_bytes = v.get<int64_t>(); }},
    // Files of older versions say 1 MiB, too little for an image: the key may only raise the limit.
    {"python_bridge.max_buffer_size",
     [](RuntimeSettings& s, const Json& v) { s.max_line_bytes = std::max(s.max_line_bytes, v.get<size_t>()); }},
    {"python_runtime.shutdown_timeout_ms",
     [](RuntimeSettings& s, const Json& v) { s.shutdown_ms = v.get<int64_t>() * 4 / 5; }},
    {"telemetry.enabled", [](RuntimeSettings& s, const Json& v) { s.telemetry = v.get<bool>(); }},
    {"telemetry.sampling_rate", [](RuntimeSettings& s, const Json& v) { s.sampling_rate = v.get<double>(); }},
    {"development.verbose", [](RuntimeSettings& s, const Json& v) { s.debug = s.debug || v.get<bool>(); }},
    {"development.debug", [](RuntimeSettings& s, const Json& v) { s.debug = s.debug || v.get<bool>(); }},
    {"development.log_ipc", [](RuntimeSettings& s, const Json& v) { s.log_messages = v.get<bool>(); }},
};

}  // namespace

std::span<const SettingRow> setting_rows() { return kRows; }

RuntimeSettings to_settings(const Json& config) {
  RuntimeSettings settings;
  for (const SettingRow& row : kRows) {
    if (const Json* value = find_key(config, row.key)) row.apply(settings, *value);
  }
  return settings;
}

}  // namespace mlxserving::config
