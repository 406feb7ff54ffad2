// The table of endpoints: the server, docs/http.md and /openapi.json read it.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "api/http_error.h"
#include "api/server_state.h"
#include "net/http_message.h"
#include "schema/schema.h"

namespace mlxserving::api {

struct Route {
  const char* method;
  const char* path;     // a last part in braces takes any text: /v1/models/{model}
  const char* message;  // the schema of the body, or null: there is none
  enum class Cost { quick, work, generation } cost;
  bool needs_key;
  Dialect dialect;
  net::HttpReply (*handle)(ServerState& state, net::HttpRequest& request);
  const char* doc;
};

std::span<const Route> routes();

// The endpoints, a file each or a few.
net::HttpReply get_page(ServerState& state, net::HttpRequest& request);
net::HttpReply get_health(ServerState& state, net::HttpRequest& request);
net::HttpReply get_live(ServerState& state, net::HttpRequest& request);
net::HttpReply get_ready(ServerState& state, net::HttpRequest& request);
net::HttpReply get_metrics(ServerState& state, net::HttpRequest& request);
net::HttpReply get_openapi(ServerState& state, net::HttpRequest& request);
net::HttpReply get_models(ServerState& state, net::HttpRequest& request);
net::HttpReply get_model(ServerState& state, net::HttpRequest& request);
net::HttpReply load_model(ServerState& state, net::HttpRequest& request);
net::HttpReply unload_model(ServerState& state, net::HttpRequest& request);
net::HttpReply tokenize(ServerState& state, net::HttpRequest& request);
net::HttpReply detokenize(ServerState& state, net::HttpRequest& request);
net::HttpReply apply_template(ServerState& state, net::HttpRequest& request);
net::HttpReply chat_completions(ServerState& state, net::HttpRequest& request);
net::HttpReply responses(ServerState& state, net::HttpRequest& request);
net::HttpReply anthropic_messages(ServerState& state, net::HttpRequest& request);
net::HttpReply completions(ServerState& state, net::HttpRequest& request);
net::HttpReply embeddings(ServerState& state, net::HttpRequest& request);

// What most of them return: a value as JSON, or the error in the route's words.
net::HttpReply reply(const Result<Json>& result, Dialect dialect = Dialect::openai);

}  // namespace mlxserving::api
