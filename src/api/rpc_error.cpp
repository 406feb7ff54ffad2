#include "api/rpc_error.h"

#include <fmt/format.h>

#include <algorithm>

namespace mlxserving::api {

RpcError rpc_error(RpcCode code, std::string message, const Json& data) {
  const auto* row = std::ranges::find(kRpcErrors, code, &RpcErrorRow::code);
  Json full = {{"type", row->type}};
  full.update(data);
  return {code, std::move(message), std::move(full)};
}

RpcError invalid_params(const std::vector<schema::Issue>& issues, schema::Voice voice) {
  const Error error = schema::to_error(issues, voice);
  return rpc_error(RpcCode::invalid_params, error.message,
                   {{"field", error.param}, {"issues", schema::to_json(issues)}});
}

RpcError invalid_param(std::string field, std::string message) {
  return invalid_params({{.path = {std::move(field)}, .message = std::move(message), .code = "custom"}},
                        schema::Voice::runtime);
}

RpcError not_loaded(const std::string& model_id) {
  return rpc_error(RpcCode::model_not_loaded, "Model not loaded: " + model_id, {{"model_id", model_id}});
}

RpcError load_failed(const std::string& model_id, const std::string& reason) {
  return rpc_error(RpcCode::model_load_error, fmt::format("Failed to load model {}: {}", model_id, reason),
                   {{"model_id", model_id}});
}

RpcError guidance_failed(const std::string& model_id, const std::string& reason) {
  return rpc_error(RpcCode::guidance_error, fmt::format("Guidance error for {}: {}", model_id, reason),
                   {{"model_id", model_id}});
}

RpcError tokenizer_failed(const std::string& model_id, const Error& error) {
  return rpc_error(RpcCode::tokenizer_error, fmt::format("Tokenizer error for {}: {}", model_id, error.message),
                   {{"model_id", model_id}});
}

RpcError cancelled() { return rpc_error(RpcCode::cancelled, "cancelled"); }

RpcError internal_error() { return rpc_error(RpcCode::runtime_error, "An unexpected internal error occurred"); }

RpcError generation_refused(const std::string& model_id, const Error& error) {
  if (error.param == "constraint") return guidance_failed(model_id, error.message);
  if (error.code == ErrorCode::invalid_request && !error.param.empty()) {
    return invalid_param(error.param, error.message);
  }
  if (error.code == ErrorCode::cancelled) return cancelled();
  return rpc_error(RpcCode::generation_error, fmt::format("Generation failed for {}: {}", model_id, error.message),
                   {{"model_id", model_id}, {"reason", to_string(error.code)}});
}

Json to_json(const RpcError& error) {
  return {{"code", static_cast<int>(error.code)}, {"message", error.message}, {"data", error.data}};
}

}  // namespace mlxserving::api
