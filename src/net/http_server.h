// An HTTP/1.1 server: one thread for all connections, a few workers for handlers that take time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "mlxserving/error.h"
#include "net/http_limits.h"
#include "net/http_message.h"

namespace mlxserving::net {

struct HttpServerOptions {
  std::string address = "127.0.0.1";
  int port = 8080;                   // 0: any free one; -1: no TCP
  std::string unix_socket = {};      // a path to listen at as well; empty: none
  std::string tls_certificate = {};  // PEM files; both empty: no TLS. The Unix socket never has it
  std::string tls_key = {};
  HttpLimits limits = {};
  int workers = 4;
};

class HttpServer {
 public:
  // Binds. Errors: io with the address; invalid_request for TLS files that do not fit.
  static Result<std::unique_ptr<HttpServer>> bind(HttpServerOptions options, HttpHandler& handler);
  virtual ~HttpServer() = default;

  // Serves on the calling thread until drain() has done its work.
  virtual void run() = 0;

  // From any thread: takes no more connections, lets running requests end for at most drain_timeout_ms. A second call
  // cuts them at once.
  virtual void drain() = 0;

  virtual int port() const = 0;             // that was bound
  virtual int64_t connections() const = 0;  // open now
};

}  // namespace mlxserving::net
