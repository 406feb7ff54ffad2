// POST /tokenize, /detokenize, /apply-template: what needs a model's words and not its weights.
#include <utility>

#include "api/request_reader.h"
#include "api/routes.h"
#include "core/result.h"

namespace mlxserving::api {
namespace {

// The body and the model that it names.
struct Asked {
  Json body;
  std::shared_ptr<Engine> engine;
  std::string model;
};

Result<Asked> read(ServerState& state, const net::HttpRequest& request, const schema::Message& message) {
  Asked asked;
  MLXS_TRY(asked.body, read_body(request.body, message));
  asked.model = schema::Reader(message, asked.body).maybe<std::string>("model").value_or("");
  MLXS_TRY(asked.engine, state.shelf.find(asked.model));
  return asked;
}

Result<Json> tokenized(ServerState& state, const net::HttpRequest& request) {
  const schema::Message& message = schema::http_message("HttpTokenizeRequest");
  MLXS_TRY(const Asked asked, read(state, request, message));
  const schema::Reader reader(message, asked.body);
  if (reader.has("content") == reader.has("prompt")) {
    return fail(ErrorCode::invalid_request, "content", "one of content and prompt is required");
  }
  const auto text = reader.get<std::string>(reader.has("content") ? "content" : "prompt");
  MLXS_TRY(const auto tokens, asked.engine->tokenize(text, reader.get<bool>("add_special")));
  return Json{{"tokens", tokens}, {"count", tokens.size()}, {"max_model_len", asked.engine->info().context_tokens_max}};
}

Result<Json> detokenized(ServerState& state, const net::HttpRequest& request) {
  const schema::Message& message = schema::http_message("HttpDetokenizeRequest");
  MLXS_TRY(const Asked asked, read(state, request, message));
  const schema::Reader reader(message, asked.body);
  MLXS_TRY(const std::string text,
           asked.engine->detokenize(reader.get<std::vector<int32_t>>("tokens"), reader.get<bool>("special_tokens")));
  return Json{{"content", text}, {"prompt", text}};
}

Result<Json> rendered(ServerState& state, const net::HttpRequest& request) {
  const schema::Message& message = schema::http_message("HttpTemplateRequest");
  MLXS_TRY(const Asked asked, read(state, request, message));
  const schema::Reader reader(message, asked.body);
  MessagesPrompt prompt{.json = to_text(reader.json("messages"))};
  if (reader.has("tools")) prompt.tools_json = to_text(reader.json("tools"));
  if (reader.has("chat_template_kwargs")) prompt.template_arguments = to_text(reader.json("chat_template_kwargs"));
  auto text = asked.engine->render(prompt);
  if (!text) return rename_param(text.error(), {{"prompt", "messages"}});
  return Json{{"prompt", text->text}, {"tokens", text->ids.size()}};
}

}  // namespace

net::HttpReply reply(const Result<Json>& result, Dialect dialect) {
  if (!result) return error_response(result.error(), dialect);
  return net::HttpResponse{.body = to_text(*result)};
}

net::HttpReply tokenize(ServerState& state, net::HttpRequest& request) { return reply(tokenized(state, request)); }
net::HttpReply detokenize(ServerState& state, net::HttpRequest& request) { return reply(detokenized(state, request)); }
net::HttpReply apply_template(ServerState& state, net::HttpRequest& request) { return reply(rendered(state, request)); }

}  // namespace mlxserving::api
