// What a handler of HTTP sees: a request that is whole, and what it may answer. No library's types.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace mlxserving::net {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method;
  std::string path;     // as sent, up to '?'
  std::string query;    // after '?'
  HttpHeaders headers;  // names in lower case
  std::string body;
  std::string peer;  // the address of the other side, for logs
  std::string id;    // the client's x-request-id, or one made up here
  std::string key;   // of the API, as sent

  // The first header of this lower-case name; empty if there is none.
  std::string_view header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return {};
  }
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body = {};
  HttpHeaders headers = {};
  HttpHeaders notes = {};  // of whoever made it, for the access log
};

// A response that takes time. All functions are called on the server's thread; when the client goes away it is
// destroyed, which ends the work behind it.
class PendingResponse {
 public:
  virtual ~PendingResponse() = default;

  // Called first. `wake` may be called from any thread, also after this is gone, whenever the functions below have
  // something new to give.
  virtual void on_ready(std::function<void()> wake) = 0;

  // The response once it is known: whole, or the head of a streamed one. `hurry`: the client has waited for a while, a
  // streamed response shows its head now, so that comments can follow.
  virtual std::optional<HttpResponse> begin(bool hurry) = 0;

  // Whether read() gives the body, after begin().
  virtual bool is_streamed() const = 0;

  // Appends what is ready, until `body` holds `bytes_max` or a little more. False once nothing more will come.
  virtual bool read(std::string& body, size_t bytes_max) = 0;

  // What to send when nothing was sent for a while.
  virtual std::string_view keep_alive() const { return ": keep-alive\n\n"; }
};

using HttpReply = std::variant<HttpResponse, std::unique_ptr<PendingResponse>>;

// What a server serves. May throw: that is answered with `broken`.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;

  // Looks at a request without its body, on the server's thread: the refusal if it must not go on (no such path, no
  // key).
  virtual std::optional<HttpResponse> refuse(const HttpRequest& head) = 0;

  // Whether handle() takes microseconds, and may run on the server's thread.
  virtual bool is_quick(const HttpRequest& request) const = 0;

  // On a worker thread unless quick.
  virtual HttpReply handle(HttpRequest request) = 0;

  // The body of an error that the server itself found.
  virtual HttpResponse error(int status, const std::string& message) const = 0;

  // One line of the access log, on the server's thread. `status` 0: the client left before it got one.
  struct Served {
    const HttpRequest& request;
    int status;
    uint64_t bytes_sent;
    double milliseconds;
    const HttpHeaders& notes;  // of the response
  };
  virtual void served(const Served& served) = 0;
};

}  // namespace mlxserving::net
