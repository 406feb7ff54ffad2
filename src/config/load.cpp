#include "config/load.h"

#include <filesystem>

#include "config/yaml.h"
#include "core/environment.h"
#include "core/read_file.h"
#include "core/result.h"
#include "schema/validate.h"

namespace mlxserving::config {
namespace {

Json defaults_of(const schema::Message& message) {
  Json out = Json::object();
  for (const schema::Field& field : fields_of(message)) {
    if (field.type.kind == schema::Kind::object) {
      out[field.name] = defaults_of(*field.type.message);
    } else if (field.default_json != nullptr) {
      out[field.name] = Json::parse(field.default_json);
    }
  }
  return out;
}

// telemetry.yaml has the option's camelCase names; the section of runtime.yaml the same ones in snake_case.
Json telemetry_section(const Json& file) {
  constexpr std::pair<const char*, const char*> kNames[] = {{"enabled", "enabled"},
                                                            {"serviceName", "service_name"},
                                                            {"prometheusPort", "prometheus_port"},
                                                            {"exportIntervalMs", "export_interval_ms"}};
  Json section = Json::object();
  for (const auto& [name, key] : kNames) {
    if (const auto found = file.find(name); found != file.end()) section[key] = *found;
  }
  return section;
}

Error all_faults(const std::string& path, const std::vector<schema::Issue>& issues, const Yaml& file) {
  std::string text = "Configuration validation failed:";
  for (const schema::Issue& issue : issues) {
    const std::string key = schema::path_text(issue.path);
    const auto line = file.lines.find(key);
    text += fmt::format("\n{}{}: {} {}", path, line == file.lines.end() ? "" : fmt::format(":{}", line->second),
                        key.empty() ? "root" : key, issue.message);
  }
  return {ErrorCode::invalid_request, std::move(text), path};
}

Result<Json> read_telemetry(const std::string& path) {
  if (!std::filesystem::exists(path)) return Json::object();
  MLXS_TRY(const std::string text, read_file(path, kYamlBytesMax));
  MLXS_TRY(const Yaml file, parse_yaml(text, path));
  std::vector<schema::Issue> issues;
  const schema::Message& message = *schema::find_message("EngineTelemetryConfig");
  Result<schema::Parsed> parsed = schema::parse(file.value, message, schema::Mode::strict, {}, &issues);
  if (!parsed) return all_faults(path, issues, file);
  return telemetry_section(parsed->value);
}

}  // namespace

std::string environment_name() {
  for (const char* name : {"MLX_SERVING_ENV", "PYTHON_ENV", "NODE_ENV"}) {
    const auto value = environment_variable(name);
    if (!value) continue;
    return *value == "production" || *value == "test" ? *value : "development";
  }
  return "development";
}

std::optional<std::string> configured_path() { return environment_variable("MLX_SERVING_CONFIG"); }

const Json* find_key(const Json& config, std::string_view key) {
  const Json* at = &config;
  while (true) {
    const size_t dot = key.find('.');
    if (!at->is_object()) return nullptr;
    const auto found = at->find(std::string(key.substr(0, dot)));
    if (found == at->end()) return nullptr;
    at = &*found;
    if (dot == std::string_view::npos) return at;
    key.remove_prefix(dot + 1);
  }
}

void merge(Json& base, const Json& over) {
  if (!base.is_object() || !over.is_object()) {
    base = over;
    return;
  }
  for (const auto& [name, value] : over.items()) merge(base[name], value);
}

Json default_config() {
  Json config = defaults_of(*schema::find_message("RuntimeConfig"));
  config.erase("environments");
  return config;
}

Json effective_config(const Json& file, const std::string& environment) {
  Json config = default_config();
  merge(config, file);
  if (!config.is_object()) return config;
  if (const Json* overlay = find_key(file, "environments." + environment); overlay != nullptr && overlay->is_object()) {
    merge(config, *overlay);
  }
  config.erase("environments");
  return config;
}

Result<RuntimeSettings> load_settings(const std::optional<std::string>& path, const std::string& environment) {
  if (!path) return to_settings(default_config());
  if (!std::filesystem::exists(*path)) {
    return fail(ErrorCode::not_found, *path, "Configuration file not found: {}.", *path);
  }
  MLXS_TRY(const std::string text, read_file(*path, kYamlBytesMax));
  MLXS_TRY(const Yaml file, parse_yaml(text, *path));
  const Json given = file.value.is_null() ? Json::object() : file.value;
  Json config = effective_config(given, environment);
  MLXS_TRY(const Json telemetry,
           read_telemetry(std::filesystem::path(*path).replace_filename("telemetry.yaml").string()));
  if (config.is_object()) merge(config["telemetry"], telemetry);
  const std::vector<schema::Issue> issues = schema::validate(config, *schema::find_message("RuntimeConfig"));
  if (!issues.empty()) return all_faults(*path, issues, file);
  return to_settings(config);
}

}  // namespace mlxserving::config
