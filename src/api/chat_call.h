// A chat in OpenAI's form, whichever protocol it came by, and what OpenAI's two protocols say of it in the same fields.
#pragma once

#include <string>
#include <vector>

#include "api/chat_tools.h"
#include "api/request_reader.h"
#include "core/json.h"
#include "mlxserving/request.h"

namespace mlxserving::api {

struct ChatCall {
  Json messages = Json::array();
  Json tools = nullptr;  // OpenAI's list, or null
  ToolChoice tool_choice = {};
  Json template_arguments = Json::object();
  GenerateRequest request = {};  // all but the prompt
  bool one_call = false;
  bool streamed = false;
  bool keep_tokens = false;
  bool effective = false;
  std::string model;
  std::string user;
  std::string id;
  std::vector<Renamed> names = {};  // of fields in the engine's errors

  bool uses_tools() const { return tools.is_array() && !tools.empty() && tool_choice.kind != ToolChoice::Kind::none; }
};

// Knobs, priority, model, stream and the other fields that ChatCompletionRequest and ResponsesRequest share.
Result<ChatCall> read_openai_call(const schema::Reader& reader, const Json& body, const schema::Message& message,
                                  const std::string& id);

// Takes `tools`, in the form of chat completions, and reads tool_choice and parallel_tool_calls.
Result<void> add_tools(const schema::Reader& reader, Json tools, ChatCall& call);

// none: the template's enable_thinking is false; any other goes to it as reasoning_effort.
void set_effort(const std::string& effort, ChatCall& call);

}  // namespace mlxserving::api
