#include "api/http_error.h"

namespace mlxserving::api {
namespace {

const HttpErrorRow& row_of(ErrorCode code) {
  for (const HttpErrorRow& row : kHttpErrors) {
    if (row.code == code) return row;
  }
  return kHttpErrors[std::size(kHttpErrors) - 1];
}

// A limit that one request alone exceeds is that request's fault, and names its field.
const HttpErrorRow& row_of(const Error& error) {
  const bool own_fault = error.code == ErrorCode::resource_exhausted && !error.param.empty();
  return row_of(own_fault ? ErrorCode::invalid_request : error.code);
}

Json body_of(Dialect dialect, const char* anthropic_type, const char* openai_type, const std::string& message,
             const std::string& param, std::string_view code) {
  if (dialect == Dialect::anthropic) {
    return {{"type", "error"}, {"error", {{"type", anthropic_type}, {"message", message}}}};
  }
  return {{"error",
           {{"message", message},
            {"type", openai_type},
            {"param", param.empty() ? Json(nullptr) : Json(param)},
            {"code", code}}}};
}

}  // namespace

Json error_body(const Error& error, Dialect dialect) {
  const HttpErrorRow& row = row_of(error);
  const bool no_model = error.code == ErrorCode::not_found && error.param == "model";
  return body_of(dialect, row.anthropic_type, row.openai_type, error.message, error.param,
                 no_model ? "model_not_found" : to_string(error.code));
}

int status_of(const Error& error) { return row_of(error).status; }

net::HttpResponse error_response(const Error& error, Dialect dialect) {
  net::HttpResponse response{.status = status_of(error), .body = to_text(error_body(error, dialect))};
  if (response.status == 503) response.headers.emplace_back("retry-after", "1");
  return response;
}

net::HttpResponse status_response(int status, std::string_view code, const std::string& message, Dialect dialect) {
  const char* anthropic = status == 401   ? "authentication_error"
                          : status == 404 ? "not_found_error"
                          : status == 413 ? "request_too_large"
                          : status == 429 ? "rate_limit_error"
                          : status >= 500 ? "api_error"
                                          : "invalid_request_error";
  const char* openai = status == 429 ? "rate_limit_error" : status >= 500 ? "server_error" : "invalid_request_error";
  return {.status = status, .body = to_text(body_of(dialect, anthropic, openai, message, "", code))};
}

}  // namespace mlxserving::api
