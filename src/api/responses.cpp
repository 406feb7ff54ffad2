// POST /v1/responses: OpenAI's newer form, text and tools, without storage.
#include <utility>

#include "api/content_text.h"
#include "api/routes.h"
#include "api/structured_output.h"
#include "api/submission.h"
#include "core/result.h"

namespace mlxserving::api {
namespace {

using text::AnswerPart;

// --------------------------------------------------------------------------------------------------------------
// request

Result<std::string> text_of(const Json& item, const char* name, const std::string& field) {
  return content_text(item.value(name, Json("")), {"input_text", "output_text", "text", "refusal"}, field + "." + name);
}

// Calls of one turn belong to one message.
Result<void> add_call(const Json& item, const std::string& field, Json& out) {
  MLXS_TRY(std::string id, required_text(item, "call_id", field));
  MLXS_TRY(std::string name, required_text(item, "name", field));
  MLXS_TRY(std::string arguments, required_text(item, "arguments", field));
  Json call = {{"id", std::move(id)},
               {"type", "function"},
               {"function", {{"name", std::move(name)}, {"arguments", std::move(arguments)}}}};
  if (out.empty() || out.back()["role"] != "assistant" || !out.back().contains("tool_calls")) {
    out.push_back({{"role", "assistant"}, {"content", ""}, {"tool_calls", Json::array()}});
  }
  out.back()["tool_calls"].push_back(std::move(call));
  return {};
}

Result<void> add_call_output(const Json& item, const std::string& field, Json& out) {
  MLXS_TRY(std::string id, required_text(item, "call_id", field));
  MLXS_TRY(std::string output, text_of(item, "output", field));
  out.push_back({{"role", "tool"}, {"tool_call_id", std::move(id)}, {"content", std::move(output)}});
  return {};
}

Result<void> add_item(const Json& item, size_t index, Json& out) {
  const std::string field = fmt::format("input[{}]", index);
  const std::string type = text_member(item, "type");
  if (type == "function_call") return add_call(item, field, out);
  if (type == "function_call_output") return add_call_output(item, field, out);
  if (type == "reasoning") return {};
  if (!type.empty() && type != "message") {
    return fail(ErrorCode::invalid_request, field + ".type",
                "{}.type must be message, function_call, function_call_output or reasoning, got '{}'", field, type);
  }
  MLXS_TRY(const std::string role, required_text(item, "role", field));
  MLXS_TRY(std::string text, text_of(item, "content", field));
  out.push_back({{"role", role == "developer" ? "system" : role}, {"content", std::move(text)}});
  return {};
}

Result<Json> chat_tools(const Json& tools) {
  Json out = Json::array();
  for (size_t i = 0; i < tools.size(); ++i) {
    const Json& tool = tools[i];
    if (text_member(tool, "type") != "function" || text_member(tool, "name").empty()) {
      return fail(ErrorCode::invalid_request, fmt::format("tools[{}]", i),
                  "tools[{}] must have type function and a name", i);
    }
    Json function = {{"name", tool["name"]}, {"description", text_member(tool, "description")}};
    for (const char* name : {"parameters", "strict"}) {
      if (tool.contains(name)) function[name] = tool[name];
    }
    out.push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  return out;
}

// Comes back with every response.
struct Echo {
  Json instructions = nullptr;
  Json metadata = Json::object();
  Json tools = Json::array();
  Json tool_choice = "auto";
  bool parallel = true;
  SamplingParams sampling;
};

Result<ChatCall> read_responses(const net::HttpRequest& request, Echo& echo) {
  const schema::Message& message = schema::http_message("ResponsesRequest");
  MLXS_TRY(const Json body, read_body(request.body, message));
  const schema::Reader reader(message, body);
  MLXS_TRY(ChatCall call, read_openai_call(reader, body, message, request.id));
  MLXS_CHECKED(refuse_logprobs(call.request.sampling));
  if (const auto tokens = reader.maybe<int32_t>("max_output_tokens")) call.request.sampling.max_tokens = tokens;
  if (const auto instructions = reader.maybe<std::string>("instructions")) {
    call.messages.push_back({{"role", "system"}, {"content", *instructions}});
    echo.instructions = *instructions;
  }
  const Json& input = reader.json("input");
  if (input.is_string()) call.messages.push_back({{"role", "user"}, {"content", input}});
  for (size_t i = 0; input.is_array() && i < input.size(); ++i) MLXS_CHECKED(add_item(input[i], i, call.messages));
  if (reader.has("tools")) echo.tools = reader.json("tools");
  if (reader.has("tool_choice")) echo.tool_choice = reader.json("tool_choice");
  MLXS_TRY(Json tools, chat_tools(echo.tools));
  MLXS_CHECKED(add_tools(reader, std::move(tools), call));
  echo.parallel = !call.one_call;
  if (reader.has("text") && reader.json("text").contains("format")) {
    MLXS_TRY(call.request.constraint, read_response_format(reader.json("text")["format"], "text.format"));
  }
  if (reader.has("reasoning")) set_effort(text_member(reader.json("reasoning"), "effort"), call);
  if (reader.has("metadata")) echo.metadata = reader.json("metadata");
  echo.sampling = call.request.sampling;
  call.id = make_id("resp_");
  call.names = {{"prompt", "input"}, {"constraint", "text"}, {"timeouts.request_ms", "timeout_ms"}};
  return call;
}

// ---------------------------------------------------------------------------------------------------------------
// answer

Json text_part(const std::string& text) {
  return {{"type", "output_text"}, {"text", text}, {"annotations", Json::array()}};
}

Json message_item(const std::string& id, const std::string& text, const std::string_view status) {
  Json content = Json::array();
  if (status != "in_progress") content.push_back(text_part(text));
  return {{"id", id}, {"type", "message"}, {"status", status}, {"role", "assistant"}, {"content", std::move(content)}};
}

Json call_item(const std::string& id, const std::string& call_id, const std::string& name, const std::string& arguments,
               const char* status) {
  return {{"id", id},     {"type", "function_call"}, {"status", status}, {"call_id", call_id},
          {"name", name}, {"arguments", arguments}};
}

Json reasoning_item(const std::string& id, const std::string& text) {
  Json content = Json::array();
  if (!text.empty()) content.push_back({{"type", "reasoning_text"}, {"text", text}});
  return {{"id", id}, {"type", "reasoning"}, {"summary", Json::array()}, {"content", std::move(content)}};
}

class ResponsesFormat final : public Format {
 public:
  explicit ResponsesFormat(Echo echo) : echo_(std::move(echo)) {}

  void begin(const AnswerSet& generation, std::string& out) override {
    const Json response = response_json(generation, "in_progress");
    emit("response.created", {{"response", response}}, out);
    emit("response.in_progress", {{"response", response}}, out);
  }

  void parts(const AnswerSet&, const Choice& choice, const text::AnswerParts& parts, const TextDelta*,
             std::string& out) override {
    for (const AnswerPart& part : parts) {
      switch (part.kind) {
        case AnswerPart::Kind::content:
          if (kind_ != Item::message) open_message(out);
          emit("response.output_text.delta",
               {{"item_id", id_}, {"output_index", output_.size()}, {"content_index", 0}, {"delta", part.text}}, out);
          text_ += part.text;
          break;
        case AnswerPart::Kind::reasoning:
          if (kind_ != Item::reasoning) open_reasoning(out);
          emit("response.reasoning_text.delta",
               {{"item_id", id_}, {"output_index", output_.size()}, {"content_index", 0}, {"delta", part.text}}, out);
          text_ += part.text;
          break;
        case AnswerPart::Kind::call:
          close(out);
          call_id_ = choice.calls.empty() ? make_id("call_") : choice.calls.back().id;
          name_ = part.text;
          open(Item::call, "fc_", out);
          break;
        case AnswerPart::Kind::arguments:
          emit("response.function_call_arguments.delta",
               {{"item_id", id_}, {"output_index", output_.size()}, {"delta", part.text}}, out);
          text_ += part.text;
          break;
        case AnswerPart::Kind::call_end: close(out); break;
        case AnswerPart::Kind::call_lost: close(out, "incomplete"); break;
      }
    }
  }

  void choice_end(const AnswerSet&, const Choice&, std::string& out) override { close(out); }

  void end(const AnswerSet& generation, std::string& out) override {
    const bool whole = finish_reason(generation.choices.front()) != std::string_view("length");
    Json response = response_json(generation, whole ? "completed" : "incomplete");
    response["output"] = output_;
    finish(generation, response);
    emit(whole ? "response.completed" : "response.incomplete", {{"response", std::move(response)}}, out);
  }

  void failure(const Error& error, std::string& out) override {
    const Json body = error_body(error);
    emit("error", {{"code", body["error"]["code"]}, {"message", error.message}, {"param", body["error"]["param"]}},
         out);
  }
  net::HttpResponse error(const Error& error) const override { return error_response(error); }

  Json whole(AnswerSet& generation) override {
    const Choice& choice = generation.choices.front();
    if (!choice.reasoning.empty()) output_.push_back(reasoning_item(make_id("rs_"), choice.reasoning));
    if (!choice.content.empty()) output_.push_back(message_item(make_id("msg_"), choice.content, "completed"));
    for (const ToolCall& call : choice.calls) {
      output_.push_back(call_item(make_id("fc_"), call.id, call.name, call.arguments, "completed"));
    }
    const bool whole = finish_reason(choice) != std::string_view("length");
    Json response = response_json(generation, whole ? "completed" : "incomplete");
    response["output"] = output_;
    finish(generation, response);
    return response;
  }

 private:
  enum class Item { none, message, reasoning, call };

  void emit(const char* type, const Json& data, std::string& out) {
    Json event = {{"type", type}, {"sequence_number", sequence_++}};
    event.update(data);
    append_event(out, type, event);
  }

  Json item(const char* status) const {
    if (kind_ == Item::message) return message_item(id_, text_, status);
    if (kind_ == Item::reasoning) return reasoning_item(id_, text_);
    return call_item(id_, call_id_, name_, text_, status);
  }

  void open(Item kind, const char* prefix, std::string& out) {
    close(out);
    kind_ = kind;
    id_ = make_id(prefix);
    text_.clear();
    emit("response.output_item.added", {{"output_index", output_.size()}, {"item", item("in_progress")}}, out);
  }
  void open_message(std::string& out) {
    open(Item::message, "msg_", out);
    emit("response.content_part.added",
         {{"item_id", id_}, {"output_index", output_.size()}, {"content_index", 0}, {"part", text_part("")}}, out);
  }
  void open_reasoning(std::string& out) { open(Item::reasoning, "rs_", out); }

  void close(std::string& out, const char* status = "completed") {
    if (kind_ == Item::none) return;
    const Json at = {{"item_id", id_}, {"output_index", output_.size()}};
    Json done = at;
    if (kind_ == Item::message) {
      done["content_index"] = 0;
      Json part = done;
      done["text"] = text_;
      part["part"] = text_part(text_);
      emit("response.output_text.done", done, out);
      emit("response.content_part.done", part, out);
    } else if (kind_ == Item::reasoning) {
      done["content_index"] = 0;
      done["text"] = text_;
      emit("response.reasoning_text.done", done, out);
    } else {
      done["arguments"] = text_;
      emit("response.function_call_arguments.done", done, out);
    }
    emit("response.output_item.done", {{"output_index", output_.size()}, {"item", item(status)}}, out);
    output_.push_back(item(status));
    kind_ = Item::none;
  }

  Json response_json(const AnswerSet& generation, const char* status) const {
    const SamplingParams& sampling = echo_.sampling;
    return {{"id", generation.id},
            {"object", "response"},
            {"created_at", generation.created},
            {"status", status},
            {"error", nullptr},
            {"incomplete_details",
             std::string_view(status) == "incomplete" ? Json({{"reason", "max_output_tokens"}}) : Json(nullptr)},
            {"instructions", echo_.instructions},
            {"max_output_tokens", sampling.max_tokens ? Json(*sampling.max_tokens) : Json(nullptr)},
            {"model", generation.model},
            {"output", Json::array()},
            {"parallel_tool_calls", echo_.parallel},
            {"previous_response_id", nullptr},
            {"store", false},
            {"temperature", sampling.temperature},
            {"tool_choice", echo_.tool_choice},
            {"tools", echo_.tools},
            {"top_p", sampling.top_p},
            {"metadata", echo_.metadata},
            {"usage", nullptr}};
  }

  static void finish(const AnswerSet& generation, Json& response) {
    const Usage usage = generation.usage();
    const Choice& choice = generation.choices.front();
    response["usage"] = {{"input_tokens", usage.prompt_tokens},
                         {"input_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
                         {"output_tokens", usage.completion_tokens},
                         {"output_tokens_details", {{"reasoning_tokens", choice.reasoning_tokens}}},
                         {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
    response["timings"] = timings_json(*choice.finished);
    if (!generation.effective.is_null()) response["effective"] = generation.effective;
  }

  Echo echo_;
  Json output_ = Json::array();
  Item kind_ = Item::none;
  std::string id_;
  std::string call_id_;
  std::string name_;
  std::string text_;
  int64_t sequence_ = 0;
};

}  // namespace

net::HttpReply responses(ServerState& state, net::HttpRequest& request) {
  return with_place(state, request, Dialect::openai, [&](Ticket ticket) -> Result<net::HttpReply> {
    Echo echo;
    MLXS_TRY(ChatCall call, read_responses(request, echo));
    return start_chat(state, std::move(call), std::make_unique<ResponsesFormat>(std::move(echo)), std::move(ticket));
  });
}

}  // namespace mlxserving::api
