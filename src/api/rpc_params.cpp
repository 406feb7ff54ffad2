#include <fmt/format.h>

#include "api/rpc_work.h"
#include "schema/validate.h"

namespace mlxserving::api {
namespace {

void log_warnings(const Services& services, const char* message, const std::vector<schema::Issue>& issues) {
  for (const schema::Issue& issue : issues) {
    services.log.write(telemetry::Level::warn, "validation warning",
                       {{"correlation_id", services.correlation_id},
                        {"message", message},
                        {"field", schema::path_text(issue.path)},
                        {"fault", issue.message},
                        {"code", issue.code}});
  }
}

}  // namespace

std::variant<Json, RpcError> read_params(const Services& services, const char* message, const Json& params) {
  const schema::Message& rows = *schema::find_message(message);
  const config::RuntimeSettings& settings = services.settings;
  const schema::Bound bounds[] = {
      {"model.max_generation_tokens", static_cast<double>(settings.max_generation_tokens)},
      {"model.max_temperature", settings.max_temperature},
  };
  std::vector<schema::Issue> issues;
  const auto mode = settings.strict ? schema::Mode::strict : schema::Mode::warn;
  Result<schema::Parsed> parsed = schema::parse(params, rows, mode, {.bounds = bounds}, &issues);
  if (!parsed) {
    services.log.write(telemetry::Level::warn, "validation failed",
                       {{"correlation_id", services.correlation_id},
                        {"message", message},
                        {"field", parsed.error().param},
                        {"fault", parsed.error().message}});
    return invalid_params(issues, rows.voice);
  }
  log_warnings(services, message, parsed->warnings);
  return std::move(parsed->value);
}

}  // namespace mlxserving::api
