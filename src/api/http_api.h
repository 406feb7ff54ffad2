// The server's meaning: keys, routes, limits of generations, the access log. What serves bytes is net/http_server.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "api/server_state.h"
#include "net/http_message.h"

namespace mlxserving::api {

class HttpApi final : public net::HttpHandler {
 public:
  HttpApi(ModelShelf& shelf, ApiOptions options);

  std::optional<net::HttpResponse> refuse(const net::HttpRequest& head) override;
  bool is_quick(const net::HttpRequest& request) const override;
  net::HttpReply handle(net::HttpRequest request) override;
  net::HttpResponse error(int status, const std::string& message) const override;
  void served(const Served& served) override;

  ServerState& state() { return state_; }

 private:
  ServerState state_;
};

}  // namespace mlxserving::api
