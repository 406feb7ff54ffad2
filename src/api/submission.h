// What the generating endpoints do alike: a place among the running, the model, the streams.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "api/chat_call.h"
#include "api/generation.h"
#include "api/http_error.h"
#include "api/server_state.h"

namespace mlxserving::api {

// A place among the running generations, given back when the last copy goes.
using Ticket = std::shared_ptr<void>;

// Takes a place for the key and lets `start` make the reply; or refuses, with 429 or 503 where there is none. Errors
// are told in the dialect's words.
net::HttpReply with_place(ServerState& state, const net::HttpRequest& request, Dialect dialect,
                          const std::function<Result<net::HttpReply>(Ticket)>& start);

// Renders, submits and begins to tell.
Result<net::HttpReply> start_chat(ServerState& state, ChatCall call, std::unique_ptr<Format> format, Ticket ticket);

// What the access log says of a generation.
net::HttpHeaders notes_of(const std::string& model, const std::string& user);

// What really runs, for `effective`.
Json effective_json(const ModelInfo& info, const GenerateRequest& request);

// A seed drawn here is reported; one drawn by the engine is not.
void draw_seed(GenerateRequest& request);

}  // namespace mlxserving::api
