#include "api/rpc_methods.h"

#include <algorithm>

#include "core/similar.h"

namespace mlxserving::api {
namespace {

constexpr Method kMethods[] = {
    {"load_model", "LoadModelParams", "LoadModelResponse", Load{load_model}, "model_id"},
    {"generate", "GenerateParams", "GenerateResponse", Generate{}, "model_id"},
    {"batch_generate", "BatchGenerateParams", "BatchResponse", Generate{.is_batch = true}, "requests"},
    {"batch_generate_parallel", "BatchGenerateParallelParams", nullptr,
     Generate{.is_batch = true, .replies_at_end = true}, "requests"},
    {"continuous_generate", "GenerateParams", nullptr, Generate{.defaults = {.temperature = 1}, .replies_null = true},
     "model_id"},
    {"get_batcher_metrics", "ModelParams", "BatcherMetricsResponse", Answer{get_batcher_metrics}, "model_id"},
    {"get_batcher_health", "ModelParams", "BatcherHealthResponse", Answer{get_batcher_health}, "model_id"},
    {"get_week4_metrics", "ModelParams", "Week4MetricsResponse", Answer{get_week4_metrics}, "model_id"},
    {"tokenize", "TokenizeParams", "RpcTokenizeResponse", Work{tokenize}, "model_id"},
    {"check_draft", "CheckDraftParams", "CheckDraftResponse", Work{check_draft}, "primary_id"},
    {"batch_tokenize", "BatchTokenizeParams", "BatchResponse", Work{batch_tokenize}, "requests"},
    {"batch_check_draft", "BatchCheckDraftParams", "BatchResponse", Work{batch_check_draft}, "requests"},
    {"runtime/telemetry", "NoParams", "RuntimeTelemetryResponse", Answer{runtime_telemetry}},
    {"cancel", "CancelParams", "SuccessResponse", Control::cancel},
    // Not told: the protocol's own, and what this version only refuses.
    {"runtime/info", "NoParams", "RuntimeInfoResponse", Answer{runtime_info}, nullptr, false},
    {"runtime/state", "NoParams", "RuntimeStateResponse", Answer{runtime_state}, nullptr, false},
    {"unload_model", "UnloadModelParams", "SuccessResponse", Work{unload_model}, "model_id", false},
    {"shutdown", "ShutdownParams", "ShutdownResponse", Control::shutdown, nullptr, false},
    {"stream.ack", "StreamAckParams", "SuccessResponse", Control::acknowledge, nullptr, false},
    {"load_vision_model", "LoadVisionModelParams", "VisionModelResponse", Work{load_vision_model}, "model_id", false},
    {"generate_with_image", "GenerateWithImageParams", "GenerateResponse", Work{generate_with_image}, "model_id",
     false},
};

// Abilities that are no method of their own.
constexpr const char* kAbilities[] = {"guidance", "stream_credit"};

}  // namespace

std::span<const Method> methods() { return kMethods; }

const Method* find_method(std::string_view name) {
  const auto* found = std::ranges::find(kMethods, name, &Method::name);
  return found == std::end(kMethods) ? nullptr : found;
}

const Method* similar_method(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Method& method : kMethods) names.emplace_back(method.name);
  const auto similar = most_similar(name, names);
  return similar ? find_method(*similar) : nullptr;
}

Json capabilities() {
  Json list = Json::array();
  for (const Method& method : kMethods) {
    if (method.is_capability) list.push_back(method.name);
  }
  for (const char* ability : kAbilities) list.push_back(ability);
  return list;
}

}  // namespace mlxserving::api
