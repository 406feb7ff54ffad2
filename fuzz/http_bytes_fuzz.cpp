// A connection of the HTTP server: what a client may send, in pieces whose size the first byte chooses, up to its
// leaving. Every response is whole, and nothing is left behind.
#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "net/http_connection.h"

namespace {

using namespace mlxserving::net;

// Answers with the request's body, at once or as a stream in two parts.
class Echo final : public HttpHandler {
 public:
  std::optional<HttpResponse> refuse(const HttpRequest& head) override {
    if (head.path == "/refused") return error(404, "not here");
    return std::nullopt;
  }
  bool is_quick(const HttpRequest&) const override { return true; }
  HttpReply handle(HttpRequest request) override {
    if (request.path != "/stream") return HttpResponse{.body = std::move(request.body)};
    return std::make_unique<Parts>(std::move(request.body));
  }
  HttpResponse error(int status, const std::string& message) const override {
    return {.status = status, .body = message};
  }
  void served(const Served&) override { ++responses; }

  int responses = 0;

 private:
  class Parts final : public PendingResponse {
   public:
    explicit Parts(std::string body) : body_(std::move(body)) {}
    void on_ready(std::function<void()>) override {}
    std::optional<HttpResponse> begin(bool) override { return HttpResponse{}; }
    bool is_streamed() const override { return true; }
    bool read(std::string& body, size_t) override {
      body += body_.substr(0, body_.size() / 2 + 1);
      body_.erase(0, body_.size() / 2 + 1);
      return !body_.empty();
    }

   private:
    std::string body_;
  };
};

// Gives the bytes, then the end of the connection. Calls come back later, as those of sockets do.
class Bytes final : public ByteStream {
 public:
  Bytes(boost::asio::io_context& io, std::string_view input, size_t piece, std::string& output)
      : io_(io), input_(input), piece_(piece), output_(output) {}
  void handshake(Done done) override { later(std::move(done), {}, 0); }
  void read_some(boost::asio::mutable_buffer into, Done done) override {
    const size_t count = std::min({input_.size(), piece_, into.size()});
    std::memcpy(into.data(), input_.data(), count);
    input_.remove_prefix(count);
    later(std::move(done), count == 0 ? boost::asio::error::eof : boost::system::error_code(), count);
  }
  void write(boost::asio::const_buffer bytes, Done done) override {
    output_.append(static_cast<const char*>(bytes.data()), bytes.size());
    later(std::move(done), {}, bytes.size());
  }
  void shut_down_sending() override {}
  void close() override {}

 private:
  void later(Done done, boost::system::error_code error, size_t count) {
    boost::asio::post(io_, [done = std::move(done), error, count] { done(error, count); });
  }

  boost::asio::io_context& io_;
  std::string_view input_;
  size_t piece_;
  std::string& output_;
};

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Echo handler;
  static HttpCore core(handler, {.header_bytes_max = 1 << 10, .body_bytes_max = 1 << 12}, 1);
  if (size == 0) return 0;
  handler.responses = 0;
  std::string output;
  bool ended = false;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::make_shared<HttpConnection>(core, std::make_unique<Bytes>(core.io, input, 1 + data[0] * size_t{4}, output),
                                   "fuzz", [&](HttpConnection*) { ended = true; })
      ->start();
  core.io.restart();
  core.io.run();
  require(ended && core.body_bytes == 0);
  require(output.empty() || output.starts_with("HTTP/1.1 "));
  require(output.empty() || handler.responses > 0);
  return 0;
}
