// POST /v1/chat/completions
#include <utility>

#include "api/chat_format.h"
#include "api/routes.h"
#include "api/submission.h"
#include "core/result.h"

namespace mlxserving::api {
namespace {

Result<ChatCall> read_chat(const net::HttpRequest& request, FormatOptions& format) {
  const schema::Message& message = schema::http_message("ChatCompletionRequest");
  MLXS_TRY(Json body, read_body(request.body, message));
  const schema::Reader reader(message, body);
  ChatCall call;
  MLXS_TRY(call.request.sampling, read_sampling(body, message));
  if (const auto tokens = reader.maybe<int32_t>("max_completion_tokens")) {
    if (call.request.sampling.max_tokens && *call.request.sampling.max_tokens != *tokens) {
      return fail(ErrorCode::invalid_request, "max_completion_tokens",
                  "max_completion_tokens and max_tokens mean the same and must be equal, got {} and {}", *tokens,
                  *call.request.sampling.max_tokens);
    }
    call.request.sampling.max_tokens = *tokens;
  }
  read_common(reader, request.id, call.request);
  call.request.answers = reader.maybe<int32_t>("n").value_or(1);
  if (reader.has("response_format")) {
    MLXS_TRY(call.request.constraint, read_response_format(reader.json("response_format"), "response_format"));
  }
  if (reader.has("tools")) {
    call.tools = reader.json("tools");
    MLXS_CHECKED(check_tools(call.tools));
  }
  if (reader.has("tool_choice")) {
    MLXS_TRY(call.tool_choice, read_tool_choice(reader.json("tool_choice"), call.tools));
  }
  call.one_call = !reader.maybe<bool>("parallel_tool_calls").value_or(true);
  if (reader.has("chat_template_kwargs")) call.template_arguments = reader.json("chat_template_kwargs");
  if (const auto effort = reader.maybe<std::string>("reasoning_effort")) {
    if (*effort == "none") {
      call.template_arguments["enable_thinking"] = false;
    } else {
      call.template_arguments["reasoning_effort"] = *effort;
    }
  }
  call.model = reader.get<std::string>("model");
  call.streamed = reader.maybe<bool>("stream").value_or(false);
  call.effective = reader.maybe<bool>("effective").value_or(false);
  call.keep_tokens = call.request.sampling.logprobs;
  call.id = make_id("chatcmpl-");
  call.names = {
      {"answers", "n"}, {"constraint", "response_format"}, {"prompt", "messages"}, {"timeouts", "timeout_ms"}};
  format.logprobs = call.request.sampling.logprobs;
  if (reader.has("stream_options")) {
    if (!call.streamed) {
      return fail(ErrorCode::invalid_request, "stream_options", "stream_options is allowed only with stream true");
    }
    format.include_usage = reader.inside("stream_options").maybe<bool>("include_usage").value_or(false);
  }
  call.messages = std::move(body["messages"]);
  return call;
}

}  // namespace

net::HttpReply chat_completions(ServerState& state, net::HttpRequest& request) {
  std::shared_ptr<void> ticket;
  if (auto refusal = take_place(state, request, Dialect::openai, ticket)) return std::move(*refusal);
  FormatOptions format;
  auto call = read_chat(request, format);
  if (!call) return error_response(call.error());
  auto reply = start_chat(state, std::move(*call), chat_format(format), std::move(ticket));
  return reply ? std::move(*reply) : net::HttpReply(error_response(reply.error()));
}

}  // namespace mlxserving::api
