// From the params of generate to a request of the engine.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "api/rpc_error.h"
#include "config/runtime_settings.h"
#include "core/json.h"
#include "mlxserving/request.h"

namespace mlxserving::api {

// What a method of the family does differently.
struct GenerateDefaults {
  double temperature = 0.7;
};

// How the stream is told to the client.
struct StreamStyle {
  bool streaming = true;           // a chunk a token; otherwise one chunk at the end
  std::optional<uint64_t> credit;  // chunks that may be unacknowledged; absent: any number
  bool stats_in_event = false;     // in the last event instead of a notification of their own
  bool top_logprobs = false;
};

struct Generation {
  std::string model_id;
  GenerateRequest request = {};
  StreamStyle style = {};
};

// `params` must be what schema::parse gave for GenerateParams.
std::variant<Generation, RpcError> to_generation(const Json& params, const GenerateDefaults& defaults,
                                                 const config::RuntimeSettings& settings);

}  // namespace mlxserving::api
