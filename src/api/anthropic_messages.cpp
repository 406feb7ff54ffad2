// POST /v1/messages: Anthropic's form of a chat.
#include <utility>

#include "api/content_text.h"
#include "api/routes.h"
#include "api/submission.h"
#include "core/result.h"

namespace mlxserving::api {
namespace {

using text::AnswerPart;

// --------------------------------------------------------------------------------------------------------------
// request

Result<Json> openai_call(const Json& block, const std::string& field) {
  MLXS_TRY(std::string id, required_text(block, "id", field));
  MLXS_TRY(std::string name, required_text(block, "name", field));
  const Json input = block.value("input", Json::object());
  if (!input.is_object())
    return fail(ErrorCode::invalid_request, field + ".input", "{}.input must be an object", field);
  return Json{{"id", std::move(id)},
              {"type", "function"},
              {"function", {{"name", std::move(name)}, {"arguments", to_text(input)}}}};
}

// What a message of Anthropic's says, in OpenAI's words: its own text and calls, and the results before them, each a
// message of its own.
struct Said {
  Json results = Json::array();
  std::string text = {};
  std::string thinking = {};
  Json calls = Json::array();
};

Result<void> add_block(const Json& block, const std::string& role, const std::string& field, Said& said) {
  const std::string type = text_member(block, "type");
  if (type == "text") {
    MLXS_TRY(const std::string text, required_text(block, "text", field));
    said.text += text;
  } else if (type == "tool_use" && role == "assistant") {
    MLXS_TRY(Json call, openai_call(block, field));
    said.calls.push_back(std::move(call));
  } else if (type == "thinking" && role == "assistant") {
    MLXS_TRY(said.thinking, required_text(block, "thinking", field));
  } else if (type == "tool_result" && role == "user") {
    MLXS_TRY(std::string id, required_text(block, "tool_use_id", field));
    MLXS_TRY(std::string told, content_text(block.value("content", Json("")), {"text"}, field + ".content"));
    said.results.push_back({{"role", "tool"}, {"tool_call_id", std::move(id)}, {"content", std::move(told)}});
  } else {
    return fail(ErrorCode::invalid_request, field + ".type", "{}.type '{}' is not supported in a message of {}", field,
                type, role);
  }
  return {};
}

Result<void> add_message(const Json& message, size_t index, Json& out) {
  const std::string field = fmt::format("messages[{}]", index);
  const std::string role = text_member(message, "role");
  if (role != "user" && role != "assistant") {
    return fail(ErrorCode::invalid_request, field + ".role", "{}.role must be user or assistant, got '{}'", field,
                role);
  }
  const Json content = message.value("content", Json(nullptr));
  if (content.is_string()) {
    out.push_back({{"role", role}, {"content", content}});
    return {};
  }
  if (!content.is_array()) {
    return fail(ErrorCode::invalid_request, field + ".content",
                "{}.content is required, a string or a list of blocks, got {}", field, content.type_name());
  }
  Said said;
  for (size_t i = 0; i < content.size(); ++i) {
    MLXS_CHECKED(add_block(content[i], role, fmt::format("{}.content[{}]", field, i), said));
  }
  for (Json& result : said.results) out.push_back(std::move(result));
  if (said.text.empty() && said.calls.empty()) return {};
  Json told = {{"role", role}, {"content", std::move(said.text)}};
  if (!said.thinking.empty()) told["reasoning_content"] = std::move(said.thinking);
  if (!said.calls.empty()) told["tool_calls"] = std::move(said.calls);
  out.push_back(std::move(told));
  return {};
}

Result<Json> openai_tools(const Json& tools) {
  Json out = Json::array();
  for (size_t i = 0; i < tools.size(); ++i) {
    const std::string name = text_member(tools[i], "name");
    if (name.empty()) {
      return fail(ErrorCode::invalid_request, fmt::format("tools[{}].name", i), "tools[{}].name is required, a string",
                  i);
    }
    Json function = {{"name", name}, {"description", text_member(tools[i], "description")}};
    if (tools[i].contains("input_schema")) function["parameters"] = tools[i]["input_schema"];
    out.push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  return out;
}

Result<void> read_choice(const Json& choice, ChatCall& call) {
  const std::string type = text_member(choice, "type");
  const Json wire = type == "tool" ? Json({{"name", text_member(choice, "name")}}) : Json(type);
  MLXS_TRY(call.tool_choice, read_tool_choice(wire, call.tools));
  const auto single = choice.find("disable_parallel_tool_use");
  call.one_call = single != choice.end() && *single == true;
  return {};
}

Result<ChatCall> read_messages(const net::HttpRequest& request) {
  const schema::Message& message = schema::http_message("AnthropicMessagesRequest");
  MLXS_TRY(const Json body, read_body(request.body, message));
  const schema::Reader reader(message, body);
  ChatCall call;
  MLXS_TRY(call.request.sampling, read_sampling(body, message));
  MLXS_CHECKED(refuse_logprobs(call.request.sampling));
  if (reader.has("stop_sequences")) {
    call.request.sampling.stop = reader.get<std::vector<std::string>>("stop_sequences");
  }
  call.request.id = request.id;
  if (reader.has("system")) {
    MLXS_TRY(std::string system, content_text(reader.json("system"), {"text"}, "system"));
    call.messages.push_back({{"role", "system"}, {"content", std::move(system)}});
  }
  const Json& messages = reader.json("messages");
  for (size_t i = 0; i < messages.size(); ++i) MLXS_CHECKED(add_message(messages[i], i, call.messages));
  if (reader.has("tools")) {
    MLXS_TRY(call.tools, openai_tools(reader.json("tools")));
  }
  if (reader.has("tool_choice")) MLXS_CHECKED(read_choice(reader.json("tool_choice"), call));
  if (reader.has("thinking")) {
    call.template_arguments["enable_thinking"] = text_member(reader.json("thinking"), "type") == "enabled";
  }
  if (reader.has("metadata")) call.user = text_member(reader.json("metadata"), "user_id");
  call.model = reader.get<std::string>("model");
  call.streamed = reader.maybe<bool>("stream").value_or(false);
  call.id = make_id("msg_");
  call.names = {{"prompt", "messages"}, {"stop", "stop_sequences"}};
  return call;
}

// ---------------------------------------------------------------------------------------------------------------
// answer

const char* stop_reason(const Choice& choice) {
  const std::string_view reason = finish_reason(choice);
  return reason == "tool_calls" ? "tool_use" : reason == "length" ? "max_tokens" : "end_turn";
}

Json anthropic_usage(const Usage& usage) {
  return {{"input_tokens", usage.prompt_tokens - usage.cached_tokens},
          {"cache_creation_input_tokens", 0},
          {"cache_read_input_tokens", usage.cached_tokens},
          {"output_tokens", usage.completion_tokens}};
}

Json call_input(const std::string& arguments) {
  auto input = parse_json(arguments, "arguments");
  return input ? std::move(*input) : Json::object();
}

class MessagesFormat final : public Format {
 public:
  void begin(const AnswerSet& generation, std::string& out) override {
    Json message = head(generation);
    message["content"] = Json::array();
    message["stop_reason"] = nullptr;
    message["stop_sequence"] = nullptr;
    message["usage"] = anthropic_usage({});
    append_event(out, "message_start", {{"type", "message_start"}, {"message", std::move(message)}});
  }

  void parts(const AnswerSet&, const Choice& choice, const text::AnswerParts& parts, const TextDelta*,
             std::string& out) override {
    for (const AnswerPart& part : parts) {
      switch (part.kind) {
        case AnswerPart::Kind::content:
          open(Block::text, {{"type", "text"}, {"text", ""}}, out);
          delta({{"type", "text_delta"}, {"text", part.text}}, out);
          break;
        case AnswerPart::Kind::reasoning:
          open(Block::thinking, {{"type", "thinking"}, {"thinking", ""}, {"signature", ""}}, out);
          delta({{"type", "thinking_delta"}, {"thinking", part.text}}, out);
          break;
        case AnswerPart::Kind::call:
          close(out);
          open(Block::call,
               {{"type", "tool_use"},
                {"id", choice.calls.empty() ? make_id("call_") : choice.calls.back().id},
                {"name", part.text},
                {"input", Json::object()}},
               out);
          break;
        case AnswerPart::Kind::arguments:
          delta({{"type", "input_json_delta"}, {"partial_json", part.text}}, out);
          break;
        case AnswerPart::Kind::call_end:
        case AnswerPart::Kind::call_lost: close(out); break;
      }
    }
  }

  void choice_end(const AnswerSet&, const Choice& choice, std::string& out) override {
    close(out);
    append_event(out, "message_delta",
                 {{"type", "message_delta"},
                  {"delta", {{"stop_reason", stop_reason(choice)}, {"stop_sequence", nullptr}}},
                  {"usage", anthropic_usage(choice.finished->usage)}});
  }
  void end(const AnswerSet&, std::string& out) override {
    append_event(out, "message_stop", {{"type", "message_stop"}});
  }
  void failure(const Error& error, std::string& out) override {
    append_event(out, "error", error_body(error, Dialect::anthropic));
  }
  net::HttpResponse error(const Error& error) const override { return error_response(error, Dialect::anthropic); }

  Json whole(AnswerSet& generation) override {
    Choice& choice = generation.choices.front();
    Json content = Json::array();
    if (!choice.reasoning.empty()) {
      content.push_back({{"type", "thinking"}, {"thinking", choice.reasoning}, {"signature", ""}});
    }
    if (!choice.content.empty()) content.push_back({{"type", "text"}, {"text", choice.content}});
    for (const ToolCall& call : choice.calls) {
      content.push_back(
          {{"type", "tool_use"}, {"id", call.id}, {"name", call.name}, {"input", call_input(call.arguments)}});
    }
    Json message = head(generation);
    message["content"] = std::move(content);
    message["stop_reason"] = stop_reason(choice);
    message["stop_sequence"] = nullptr;
    message["usage"] = anthropic_usage(choice.finished->usage);
    return message;
  }

 private:
  enum class Block { none, text, thinking, call };

  static Json head(const AnswerSet& generation) {
    return {{"id", generation.id}, {"type", "message"}, {"role", "assistant"}, {"model", generation.model}};
  }
  void open(Block block, const Json& content, std::string& out) {
    if (block_ == block && block != Block::call) return;
    close(out);
    block_ = block;
    append_event(out, "content_block_start",
                 {{"type", "content_block_start"}, {"index", index_}, {"content_block", content}});
  }
  void delta(const Json& delta, std::string& out) {
    append_event(out, "content_block_delta", {{"type", "content_block_delta"}, {"index", index_}, {"delta", delta}});
  }
  void close(std::string& out) {
    if (block_ == Block::none) return;
    append_event(out, "content_block_stop", {{"type", "content_block_stop"}, {"index", index_++}});
    block_ = Block::none;
  }

  Block block_ = Block::none;
  int32_t index_ = 0;
};

}  // namespace

net::HttpReply anthropic_messages(ServerState& state, net::HttpRequest& request) {
  return with_place(state, request, Dialect::anthropic, [&](Ticket ticket) -> Result<net::HttpReply> {
    MLXS_TRY(ChatCall call, read_messages(request));
    return start_chat(state, std::move(call), std::make_unique<MessagesFormat>(), std::move(ticket));
  });
}

}  // namespace mlxserving::api
