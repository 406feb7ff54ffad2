#include "api/rpc_message.h"

#include <fmt/format.h>

#include <cmath>

#include "api/id_scanner.h"
#include "core/strict_json.h"
#include "core/utf8.h"

namespace mlxserving::api {
namespace {

BadLine unreadable(std::string_view line, std::string why) {
  IdScanner scanner;
  scanner.feed(line);
  Json id = scanner.id().value_or(Json());
  if (id.is_string() && !utf8::is_valid(id.get_ref<const std::string&>())) id = nullptr;
  return {std::move(id), rpc_error(RpcCode::parse_error, "Parse error: " + std::move(why))};
}

BadLine invalid(Json id, std::string why) {
  return {std::move(id), rpc_error(RpcCode::invalid_request, "Invalid request: " + std::move(why))};
}

// Ids that come back as they were sent: a double would not.
bool is_exact_id(const Json& id) {
  if (id.is_string()) return id.get_ref<const std::string&>().size() <= kIdBytesMax;
  return id.is_number_integer() && std::fabs(id.get<double>()) <= schema::kSafeInteger;
}

// What an error's reply may repeat.
Json echo(const Json& id) {
  const bool is_short_text = id.is_string() && id.get_ref<const std::string&>().size() <= kIdBytesMax;
  return is_short_text || id.is_number() ? id : Json();
}

std::string envelope(const Json& id, const char* member, const Json& value) {
  return to_text({{"jsonrpc", "2.0"}, {"id", id}, {member, value}});
}

}  // namespace

std::variant<Request, BadLine> read_message(std::string_view line) {
  if (!utf8::is_valid(line)) return unreadable(line, "the line is not valid UTF-8");
  Result<Json> parsed = parse_strict_json(line);
  if (!parsed) return unreadable(line, parsed.error().message);
  Json& message = *parsed;
  if (message.is_array()) return invalid({}, "arrays of requests are not supported: send one object a line");
  if (!message.is_object()) return invalid({}, "a message must be an object");
  const auto id = message.find("id");
  const bool has_id = id != message.end();
  const Json echoed = has_id ? echo(*id) : Json();
  if (has_id && !is_exact_id(*id)) {
    return invalid(echoed, fmt::format("id must be a string of at most {} bytes or an integer within 2^53, and is "
                                       "absent in a notification",
                                       kIdBytesMax));
  }
  const auto version = message.find("jsonrpc");
  if (version == message.end() || *version != "2.0") return invalid(echoed, "jsonrpc must be \"2.0\"");
  const auto method = message.find("method");
  if (method == message.end() || !method->is_string()) return invalid(echoed, "method must be a string");
  if (method->get_ref<const std::string&>().size() > kMethodBytesMax) {
    return invalid(echoed, fmt::format("method must be at most {} bytes long", kMethodBytesMax));
  }
  Request request{.id = echoed, .method = method->get<std::string>(), .bytes = line.size()};
  if (const auto params = message.find("params"); params != message.end()) request.params = std::move(*params);
  return request;
}

std::string reply_line(const Json& id, const Json& result) { return envelope(id, "result", result); }

std::string error_line(const Json& id, const RpcError& error) { return envelope(id, "error", to_json(error)); }

std::string notification_line(const char* method, Json params) {
  return to_text({{"jsonrpc", "2.0"}, {"method", method}, {"params", std::move(params)}});
}

}  // namespace mlxserving::api
