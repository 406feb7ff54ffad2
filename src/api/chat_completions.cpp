// POST /v1/chat/completions
#include <utility>

#include "api/chat_format.h"
#include "api/content_text.h"
#include "api/routes.h"
#include "api/structured_output.h"
#include "api/submission.h"
#include "core/result.h"

namespace mlxserving::api {
namespace {

// Parts of a message's content are joined: a template may know none of them.
Result<Json> text_messages(Json messages) {
  for (size_t i = 0; i < messages.size(); ++i) {
    const std::string field = fmt::format("messages[{}]", i);
    MLXS_CHECKED(required_text(messages[i], "role", field));
    const auto content = messages[i].find("content");
    if (content == messages[i].end() || content->is_null()) continue;
    MLXS_TRY(*content, content_text(*content, {"text", "refusal"}, field + ".content"));
  }
  return messages;
}

// max_completion_tokens is the newer name of max_tokens.
Result<void> read_max_tokens(const schema::Reader& reader, SamplingParams& sampling) {
  const auto tokens = reader.maybe<int32_t>("max_completion_tokens");
  if (!tokens) return {};
  if (sampling.max_tokens && *sampling.max_tokens != *tokens) {
    return fail(ErrorCode::invalid_request, "max_completion_tokens",
                "max_completion_tokens and max_tokens mean the same and must be equal, got {} and {}", *tokens,
                *sampling.max_tokens);
  }
  sampling.max_tokens = tokens;
  return {};
}

Result<ChatCall> read_chat(const net::HttpRequest& request, FormatOptions& format) {
  const schema::Message& message = schema::http_message("ChatCompletionRequest");
  MLXS_TRY(Json body, read_body(request.body, message));
  const schema::Reader reader(message, body);
  MLXS_TRY(ChatCall call, read_openai_call(reader, body, message, request.id));
  MLXS_CHECKED(read_max_tokens(reader, call.request.sampling));
  call.request.answers = reader.maybe<int32_t>("n").value_or(1);
  MLXS_TRY(AskedForm form, read_form(reader));
  call.request.constraint = std::move(form.constraint);
  Json tools = reader.has("tools") ? reader.json("tools") : Json(nullptr);
  MLXS_CHECKED(check_tools(tools));
  MLXS_CHECKED(add_tools(reader, std::move(tools), call));
  if (reader.has("chat_template_kwargs")) call.template_arguments = reader.json("chat_template_kwargs");
  set_effort(reader.maybe<std::string>("reasoning_effort").value_or(""), call);
  MLXS_TRY(format.include_usage, read_include_usage(reader, call.streamed));
  format.logprobs = call.keep_tokens = call.request.sampling.logprobs;
  call.id = make_id("chatcmpl-");
  call.names = {{"answers", "n"}, {"prompt", "messages"}, {"timeouts.request_ms", "timeout_ms"}};
  if (!form.field.empty()) call.names.push_back({"constraint", form.field});
  MLXS_TRY(call.messages, text_messages(std::move(body["messages"])));
  return call;
}

}  // namespace

net::HttpReply chat_completions(ServerState& state, net::HttpRequest& request) {
  return with_place(state, request, Dialect::openai, [&](Ticket ticket) -> Result<net::HttpReply> {
    FormatOptions format;
    MLXS_TRY(ChatCall call, read_chat(request, format));
    return start_chat(state, std::move(call), chat_format(format), std::move(ticket));
  });
}

}  // namespace mlxserving::api
