#include "api/http_api.h"

#include <algorithm>
#include <vector>

#include "api/host_check.h"
#include "api/routes.h"
#include "core/result.h"

namespace mlxserving::api {
namespace {

// Takes the same time wherever two texts of a length differ.
bool is_same(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0;
}

// "Bearer KEY", or Anthropic's x-api-key.
std::string_view key_of(const net::HttpRequest& request) {
  constexpr std::string_view kBearer = "bearer ";
  const std::string_view value = request.header("authorization");
  const auto same_letter = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  if (value.size() > kBearer.size() &&
      std::equal(kBearer.begin(), kBearer.end(), value.begin(), [&](char b, char a) { return same_letter(a, b); })) {
    return value.substr(kBearer.size());
  }
  return request.header("x-api-key");
}

bool knows_key(const std::vector<std::string>& keys, std::string_view key) {
  bool known = false;
  for (const std::string& candidate : keys) known |= is_same(candidate, key);
  return known;
}

bool fits(std::string_view pattern, std::string_view path) {
  const size_t brace = pattern.find('{');
  if (brace == std::string_view::npos) return pattern == path;
  return path.size() > brace && path.starts_with(pattern.substr(0, brace));
}

// HEAD is asked like GET; the server leaves the body out.
std::string_view method_of(const net::HttpRequest& request) {
  return request.method == "HEAD" ? std::string_view("GET") : std::string_view(request.method);
}

const Route* find_route(const net::HttpRequest& request) {
  for (const Route& route : routes()) {
    if (method_of(request) == route.method && fits(route.path, request.path)) return &route;
  }
  return nullptr;
}

std::string methods_of(std::string_view path) {
  std::string methods;
  for (const Route& route : routes()) {
    if (fits(route.path, path)) methods += (methods.empty() ? "" : ", ") + std::string(route.method);
  }
  return methods;
}

Dialect dialect_of(std::string_view path) {
  return path.starts_with("/v1/messages") ? Dialect::anthropic : Dialect::openai;
}

bool is_json(std::string_view content_type) {
  std::string type(content_type.substr(0, content_type.find(';')));
  std::erase(type, ' ');
  std::ranges::transform(type, type.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return type == "application/json";
}

void allow_origin(const ApiOptions& options, net::HttpResponse& response) {
  if (options.cors_origin.empty()) return;
  response.headers.emplace_back("access-control-allow-origin", options.cors_origin);
  response.headers.emplace_back("vary", "origin");
}

net::HttpResponse preflight(const ApiOptions& options, const std::string& methods) {
  net::HttpResponse response{.status = 204, .content_type = "text/plain"};
  response.headers = {{"access-control-allow-methods", methods},
                      {"access-control-allow-headers", "authorization, content-type, x-api-key, x-request-id"},
                      {"access-control-max-age", "600"}};
  allow_origin(options, response);
  return response;
}

// Adds the headers of cross-origin requests once the head is known.
class WithOrigin final : public net::PendingResponse {
 public:
  WithOrigin(std::unique_ptr<net::PendingResponse> inner, const ApiOptions& options)
      : inner_(std::move(inner)), options_(options) {}
  void on_ready(std::function<void()> wake) override { inner_->on_ready(std::move(wake)); }
  std::optional<net::HttpResponse> begin(bool hurry) override {
    auto response = inner_->begin(hurry);
    if (response) allow_origin(options_, *response);
    return response;
  }
  bool is_streamed() const override { return inner_->is_streamed(); }
  bool read(std::string& body, size_t bytes_max) override { return inner_->read(body, bytes_max); }
  std::string_view keep_alive() const override { return inner_->keep_alive(); }

 private:
  std::unique_ptr<net::PendingResponse> inner_;
  const ApiOptions& options_;
};

}  // namespace

HttpApi::HttpApi(ModelShelf& shelf, ApiOptions options) : state_(shelf, std::move(options)) {}

std::optional<net::HttpResponse> HttpApi::refuse(const net::HttpRequest& head) {
  const Dialect dialect = dialect_of(head.path);
  const std::string methods = methods_of(head.path);
  const auto refusal = [&](int status, std::string_view code, const std::string& message) {
    net::HttpResponse response = status_response(status, code, message, dialect);
    allow_origin(state_.options, response);
    return response;
  };
  if (state_.options.checks_host && head.peer != "unix" &&
      !is_allowed_host(head.header("host"), state_.options.hosts)) {
    return refusal(403, "unknown_host",
                   fmt::format("the Host '{}' is not this server's: use localhost or an IP address, or start it with "
                               "--allowed-host",
                               head.header("host")));
  }
  if (methods.empty()) {
    return refusal(404, "not_found", fmt::format("there is no {}; GET /openapi.json lists what there is", head.path));
  }
  if (head.method == "OPTIONS" && !state_.options.cors_origin.empty()) return preflight(state_.options, methods);
  const Route* route = find_route(head);
  if (route == nullptr) {
    auto response =
        refusal(405, "method_not_allowed", fmt::format("{} takes {}, got {}", head.path, methods, head.method));
    response.headers.emplace_back("allow", methods);
    return response;
  }
  if (route->needs_key && !state_.options.keys.empty() && !knows_key(state_.options.keys, key_of(head))) {
    auto response = refusal(401, "invalid_api_key",
                            "a known API key is needed: send 'Authorization: Bearer KEY' or 'x-api-key: KEY'");
    response.headers.emplace_back("www-authenticate", "Bearer");
    return response;
  }
  // Also what keeps other sites' pages out: browsers ask before they send this type across origins.
  if (route->message != nullptr && !is_json(head.header("content-type"))) {
    return refusal(
        415, "unsupported_media_type",
        fmt::format("{} takes content-type application/json, got '{}'", head.path, head.header("content-type")));
  }
  if (route->cost == Route::Cost::generation && state_.draining) {
    auto response = refusal(503, "shutting_down", "the server is shutting down");
    response.headers.emplace_back("retry-after", "10");
    return response;
  }
  return std::nullopt;
}

bool HttpApi::is_quick(const net::HttpRequest& request) const {
  const Route* route = find_route(request);
  return route == nullptr || route->cost == Route::Cost::quick;
}

net::HttpReply HttpApi::handle(net::HttpRequest request) {
  const Route* route = find_route(request);
  if (route == nullptr) return error(404, "there is no " + request.path);
  request.key = key_of(request);
  net::HttpReply reply = route->handle(state_, request);
  if (state_.options.cors_origin.empty()) return reply;
  if (auto* response = std::get_if<net::HttpResponse>(&reply)) {
    allow_origin(state_.options, *response);
    return reply;
  }
  return std::make_unique<WithOrigin>(std::move(std::get<std::unique_ptr<net::PendingResponse>>(reply)),
                                      state_.options);
}

net::HttpResponse HttpApi::error(int status, const std::string& message) const {
  const char* code = status == 408   ? "timeout"
                     : status == 413 ? "body_too_large"
                     : status == 431 ? "headers_too_large"
                     : status == 503 ? "overloaded"
                     : status >= 500 ? "internal"
                                     : "invalid_http";
  return status_response(status, code, message);
}

void HttpApi::served(const Served& served) {
  const int group = served.status / 100;
  ++state_.requests_by_class[group >= 1 && group <= 5 ? group : 0];
  state_.bytes_sent += served.bytes_sent;
  if (state_.options.access_log == nullptr) return;
  const net::HttpRequest& request = served.request;
  std::vector<telemetry::LogField> fields = {
      {"id", request.id},           {"method", request.method},
      {"path", request.path},       {"status", served.status},
      {"bytes", served.bytes_sent}, {"ms", served.milliseconds},
      {"peer", request.peer},       {"traceparent", std::string(request.header("traceparent"))}};
  for (const auto& [name, value] : served.notes) fields.emplace_back(name.c_str(), value);
  state_.options.access_log->write(telemetry::Level::info, "request", fields);
}

}  // namespace mlxserving::api
