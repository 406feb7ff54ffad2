// tokenize, and the methods that take many requests at once.
#include "api/batch_reply.h"
#include "api/rpc_work.h"
#include "schema/read.h"

namespace mlxserving::api {
namespace {

using Work = Outcome (*)(const Services& services, const Json& params);

// Each item on its own: one that fails fails alone.
Outcome for_each_request(const Services& services, const Json& params, const char* message, Work work) {
  Json results = Json::array();
  for (const Json& request : params.at("requests")) {
    auto read = read_params(services, message, request);
    auto* valid = std::get_if<Json>(&read);
    results.push_back(envelope(valid != nullptr ? work(services, *valid).reply : Reply(std::get<RpcError>(read))));
  }
  return {Json{{"results", std::move(results)}}};
}

}  // namespace

Json envelope(const Reply& reply) {
  if (const auto* result = std::get_if<Json>(&reply)) {
    return {{"success", true}, {"result", *result}, {"error", nullptr}};
  }
  const auto& error = std::get<RpcError>(reply);
  return {{"success", false},
          {"result", nullptr},
          {"error", error.message},
          {"code", static_cast<int>(error.code)},
          {"data", error.data}};
}

Outcome tokenize(const Services& services, const Json& params) {
  const schema::Reader reader(*schema::find_message("TokenizeParams"), params);
  const auto id = reader.get<std::string>("model_id");
  const auto engine = services.host.get(id);
  if (!engine) return {not_loaded(id)};
  const auto tokens = (*engine)->tokenize(reader.get<std::string>("text"), reader.get<bool>("add_special_tokens"));
  if (!tokens) return {tokenizer_failed(id, tokens.error())};
  Json strings = Json::array();
  for (const int32_t token : *tokens) {
    Result<std::string> text = (*engine)->detokenize({token}, true);
    if (!text) return {tokenizer_failed(id, text.error())};
    strings.push_back(std::move(*text));
  }
  return {Json{{"tokens", *tokens}, {"token_strings", std::move(strings)}}};
}

Outcome batch_tokenize(const Services& services, const Json& params) {
  return for_each_request(services, params, "TokenizeParams", tokenize);
}

Outcome batch_check_draft(const Services& services, const Json& params) {
  return for_each_request(services, params, "CheckDraftParams", check_draft);
}

}  // namespace mlxserving::api
