// Every error that a JSON-RPC client can meet: one table of codes, one function a kind.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "mlxserving/error.h"
#include "schema/validate.h"

namespace mlxserving::api {

enum class RpcCode {
  parse_error = -32700,
  invalid_request = -32600,
  method_not_found = -32601,
  invalid_params = -32602,
  server_error = -32000,  // a named limit, or the end of the runtime
  model_load_error = -32001,
  generation_error = -32002,
  tokenizer_error = -32003,
  guidance_error = -32004,
  model_not_loaded = -32005,
  runtime_error = -32099,  // our own fault
  cancelled = -32800,      // as the Language Server Protocol has it
};

struct RpcError {
  RpcCode code = RpcCode::runtime_error;
  std::string message;
  Json data = Json::object();  // always with `type`
};

// The table.
struct RpcErrorRow {
  RpcCode code;
  const char* type;  // data.type
};
inline constexpr RpcErrorRow kRpcErrors[] = {
    {RpcCode::parse_error, "ParseError"},           {RpcCode::invalid_request, "InvalidRequest"},
    {RpcCode::method_not_found, "MethodNotFound"},  {RpcCode::invalid_params, "ValidationError"},
    {RpcCode::server_error, "ServerError"},         {RpcCode::model_load_error, "ModelLoadError"},
    {RpcCode::generation_error, "GenerationError"}, {RpcCode::tokenizer_error, "TokenizerError"},
    {RpcCode::guidance_error, "GuidanceError"},     {RpcCode::model_not_loaded, "ModelNotLoaded"},
    {RpcCode::runtime_error, "InternalError"},      {RpcCode::cancelled, "Cancelled"},
};

// With data.type from the table.
RpcError rpc_error(RpcCode code, std::string message, const Json& data = Json::object());

// "max_tokens must be positive, got 0", with data {type, field, issues} of all faults.
RpcError invalid_params(const std::vector<schema::Issue>& issues, schema::Voice voice);
RpcError invalid_param(std::string field, std::string message);

RpcError not_loaded(const std::string& model_id);                                  // Model not loaded: m
RpcError load_failed(const std::string& model_id, const std::string& reason);      // Failed to load model m: ...
RpcError guidance_failed(const std::string& model_id, const std::string& reason);  // Guidance error for m: ...
RpcError tokenizer_failed(const std::string& model_id, const Error& error);        // Tokenizer error for m: ...
RpcError cancelled();
RpcError internal_error();  // says nothing of what happened: that is in the log

// What the engine refused, by what was wrong: a field is invalid_params, a constraint guidance_error, the rest
// "Generation failed for m: ...".
RpcError generation_refused(const std::string& model_id, const Error& error);

// {code, message, data}
Json to_json(const RpcError& error);

}  // namespace mlxserving::api
