// What a client of HTTP is told when something fails: one table from kinds of errors to statuses, one body a protocol.
#pragma once

#include <string>
#include <string_view>

#include "core/json.h"
#include "mlxserving/error.h"
#include "net/http_message.h"

namespace mlxserving::api {

struct HttpErrorRow {
  ErrorCode code;
  int status;
  const char* openai_type;
  const char* anthropic_type;
};
inline constexpr HttpErrorRow kHttpErrors[] = {
    {ErrorCode::invalid_request, 400, "invalid_request_error", "invalid_request_error"},
    {ErrorCode::not_found, 404, "invalid_request_error", "not_found_error"},
    {ErrorCode::invalid_model, 422, "invalid_model_error", "api_error"},
    {ErrorCode::unsupported_model, 501, "unsupported_model_error", "api_error"},
    {ErrorCode::resource_exhausted, 503, "overloaded_error", "overloaded_error"},
    {ErrorCode::cancelled, 503, "cancelled_error", "api_error"},
    {ErrorCode::timeout, 504, "timeout_error", "timeout_error"},
    {ErrorCode::io, 500, "server_error", "api_error"},
    {ErrorCode::internal, 500, "server_error", "api_error"},
};

// Which protocol's errors a path speaks.
enum class Dialect { openai, anthropic };

// {"error": {"message", "type", "param", "code"}}, or Anthropic's {"type": "error", "error": {"type", "message"}}.
Json error_body(const Error& error, Dialect dialect = Dialect::openai);

int status_of(const Error& error);
net::HttpResponse error_response(const Error& error, Dialect dialect = Dialect::openai);

// One that the HTTP layer itself found; `code` is a stable word such as "rate_limit_exceeded".
net::HttpResponse status_response(int status, std::string_view code, const std::string& message,
                                  Dialect dialect = Dialect::openai);

}  // namespace mlxserving::api
