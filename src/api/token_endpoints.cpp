// POST /tokenize, /detokenize, /apply-template, /v1/embeddings: what needs a model and no generation.
#include <cstring>
#include <utility>

#include "api/request_reader.h"
#include "api/routes.h"
#include "api/submission.h"
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

// 32-bit floats, little endian, as OpenAI's clients ask for them by default.
std::string base64_of(const std::vector<float>& values) {
  constexpr const char* kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes(values.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t b = 0; b < 3; ++b) group = group << 8 | (b < count ? static_cast<unsigned char>(bytes[i + b]) : 0U);
    for (size_t digit = 0; digit < 4; ++digit) out += digit <= count ? kDigits[group >> (18 - 6 * digit) & 63] : '=';
  }
  return out;
}

Result<net::HttpReply> embedded(ServerState& state, const net::HttpRequest& request) {
  const schema::Message& message = schema::http_message("EmbeddingRequest");
  MLXS_TRY(const Asked asked, read(state, request, message));
  const schema::Reader reader(message, asked.body);
  EmbedRequest embed{.inputs = read_prompts(reader.json("input")),
                     .pooling = reader.maybe<std::string>("pooling") == "last" ? Pooling::last : Pooling::mean,
                     .normalize = reader.maybe<bool>("normalize").value_or(true)};
  auto result = asked.engine->embed(embed);
  if (!result) return rename_param(result.error(), {{"prompt", "input"}, {"inputs", "input"}});
  const bool base64 = reader.maybe<std::string>("encoding_format") == "base64";
  Json data = Json::array();
  for (const auto& vector : result->vectors) {
    data.push_back({{"object", "embedding"},
                    {"index", data.size()},
                    {"embedding", base64 ? Json(base64_of(vector)) : Json(vector)}});
  }
  const Json body = {{"object", "list"},
                     {"data", std::move(data)},
                     {"model", asked.model},
                     {"usage", {{"prompt_tokens", result->prompt_tokens}, {"total_tokens", result->prompt_tokens}}}};
  return net::HttpReply(net::HttpResponse{
      .body = to_text(body), .notes = notes_of(asked.model, reader.maybe<std::string>("user").value_or(""))});
}

}  // namespace

net::HttpReply reply(const Result<Json>& result, Dialect dialect) {
  if (!result) return error_response(result.error(), dialect);
  return net::HttpResponse{.body = to_text(*result)};
}

net::HttpReply tokenize(ServerState& state, net::HttpRequest& request) { return reply(tokenized(state, request)); }
net::HttpReply detokenize(ServerState& state, net::HttpRequest& request) { return reply(detokenized(state, request)); }
net::HttpReply apply_template(ServerState& state, net::HttpRequest& request) { return reply(rendered(state, request)); }
net::HttpReply embeddings(ServerState& state, net::HttpRequest& request) {
  return with_place(state, request, Dialect::openai, [&](const Ticket&) { return embedded(state, request); });
}

}  // namespace mlxserving::api
