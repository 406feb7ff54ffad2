#include "api/chat_call.h"

#include <utility>

#include "core/result.h"

namespace mlxserving::api {

Result<ChatCall> read_openai_call(const schema::Reader& reader, const Json& body, const schema::Message& message,
                                  const std::string& id) {
  if (reader.maybe<bool>("store").value_or(false)) {
    return fail(ErrorCode::invalid_request, "store", "store must be false: responses are not kept");
  }
  ChatCall call;
  MLXS_TRY(call.request.sampling, read_sampling(body, message));
  read_common(reader, id, call.request);
  call.model = reader.get<std::string>("model");
  call.user = reader.maybe<std::string>("user").value_or("");
  call.streamed = reader.maybe<bool>("stream").value_or(false);
  call.effective = reader.maybe<bool>("effective").value_or(false);
  return call;
}

Result<void> add_tools(const schema::Reader& reader, Json tools, ChatCall& call) {
  call.tools = std::move(tools);
  if (reader.has("tool_choice")) {
    MLXS_TRY(call.tool_choice, read_tool_choice(reader.json("tool_choice"), call.tools));
  }
  call.one_call = !reader.maybe<bool>("parallel_tool_calls").value_or(true);
  return {};
}

void set_effort(const std::string& effort, ChatCall& call) {
  if (effort == "none") {
    call.template_arguments["enable_thinking"] = false;
  } else if (!effort.empty()) {
    call.template_arguments["reasoning_effort"] = effort;
  }
}

}  // namespace mlxserving::api
