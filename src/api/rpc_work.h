// What JSON-RPC methods do, apart from when and on which thread (rpc_server.h): values in, an outcome out.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "api/generate_params.h"
#include "api/rpc_error.h"
#include "config/runtime_settings.h"
#include "core/json.h"
#include "mlxserving/host.h"
#include "telemetry/log.h"
#include "telemetry/window.h"

namespace mlxserving::api {

// What methods need of the world; all of it may be used from any thread.
struct Services {
  Host& host;
  telemetry::Log& log;
  const config::RuntimeSettings& settings;
  const char* version;
  const char* mlx_version;
  std::string correlation_id = {};  // of the call that is served, for the logs
};

// A generation that has begun and wants a reader.
struct NewStream {
  std::string stream_id;
  std::string model_id;
  std::unique_ptr<Stream> stream;
  StreamStyle style;
};

using Reply = std::variant<Json, RpcError>;

struct Outcome {
  Reply reply;
  std::vector<NewStream> streams = {};
  bool loaded = false;  // a model that was not there before
};

// One generation that a call asks for: params that the schema allows, or why there will be none.
struct Entry {
  std::string stream_id;
  Json params;
  std::optional<RpcError> refused = {};
};

// What the server knows of itself, for the methods that tell.
struct Activity {
  size_t active_streams = 0;
  telemetry::Window generation_ms;
  telemetry::Window tokenize_ms;
  uint64_t generated_tokens = 0;
  double generation_seconds = 0;
  uint64_t requests = 0;
  uint64_t errors = 0;
  uint64_t timeouts = 0;
  double uptime_seconds = 0;
  double timestamp = 0;                                // seconds since 1970
  std::map<std::string, telemetry::Rate> tokens = {};  // by model
  std::map<std::string, telemetry::Rate> requests_done = {};
};

// Methods that may take a while: they run on workers, those of one model in the order in which they came.
Outcome load_model(const Services& services, const Json& params);
Outcome unload_model(const Services& services, const Json& params);
Outcome load_vision_model(const Services& services, const Json& params);
Outcome generate_with_image(const Services& services, const Json& params);
Outcome tokenize(const Services& services, const Json& params);
Outcome check_draft(const Services& services, const Json& params);
Outcome batch_tokenize(const Services& services, const Json& params);
Outcome batch_check_draft(const Services& services, const Json& params);

// Submits each entry. `as_batch` replies with an envelope an entry, otherwise with the one entry's result.
Outcome generate(const Services& services, const std::vector<Entry>& entries, const GenerateDefaults& defaults,
                 bool as_batch);

// Methods that answer at once.
Reply runtime_info(const Services& services, const Json& params, const Activity& activity);
Reply runtime_state(const Services& services, const Json& params, const Activity& activity);
Reply runtime_telemetry(const Services& services, const Json& params, const Activity& activity);
Reply get_batcher_metrics(const Services& services, const Json& params, const Activity& activity);
Reply get_batcher_health(const Services& services, const Json& params, const Activity& activity);
Reply get_week4_metrics(const Services& services, const Json& params, const Activity& activity);

// Params against their message, in the mode and with the bounds of the settings; what a warning mode forgave is logged.
std::variant<Json, RpcError> read_params(const Services& services, const char* message, const Json& params);

}  // namespace mlxserving::api
