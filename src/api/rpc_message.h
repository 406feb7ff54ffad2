// One line of the protocol as a message: JSON-RPC 2.0, strictly.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

#include "api/rpc_error.h"
#include "core/json.h"

namespace mlxserving::api {

constexpr size_t kIdBytesMax = 256;
constexpr size_t kMethodBytesMax = 128;

struct Request {
  Json id;  // a string or an integer; null: a notification, which gets no reply
  std::string method;
  Json params = Json::object();
  size_t bytes = 0;  // of the line
};

// A line that is no request. `id` is the sender's where it can be read, else null.
struct BadLine {
  Json id;
  RpcError error;
};

std::variant<Request, BadLine> read_message(std::string_view line);

std::string reply_line(const Json& id, const Json& result);
std::string error_line(const Json& id, const RpcError& error);
std::string notification_line(const char* method, Json params);

}  // namespace mlxserving::api
