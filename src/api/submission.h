// What the generating endpoints do alike: a place among the running, the model, the streams.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/chat_tools.h"
#include "api/generation.h"
#include "api/http_error.h"
#include "api/request_reader.h"
#include "api/server_state.h"

namespace mlxserving::api {

// Takes a place for the key or refuses with 429 or 503.
std::optional<net::HttpResponse> take_place(ServerState& state, const net::HttpRequest& request, Dialect dialect,
                                            std::shared_ptr<void>& ticket);

// A chat in OpenAI's form, whichever protocol it came by.
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
  std::string id;
  std::vector<Renamed> names = {};  // of fields in the engine's errors
};

// Renders, submits and begins to tell.
Result<net::HttpReply> start_chat(ServerState& state, ChatCall call, std::unique_ptr<Format> format,
                                  std::shared_ptr<void> ticket);

// What really runs, for `effective`.
Json effective_json(const ModelInfo& info, const GenerateRequest& request);

// A seed drawn here is reported; one drawn by the engine is not.
void draw_seed(GenerateRequest& request);

}  // namespace mlxserving::api
