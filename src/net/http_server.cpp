#include "net/http_server.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <unordered_map>
#include <utility>

#include "core/result.h"
#include "net/http_connection.h"

namespace mlxserving::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Local = asio::local::stream_protocol;

constexpr std::chrono::milliseconds kTick{50};
constexpr std::chrono::milliseconds kAcceptPause{100};  // after a failed accept: descriptors may come free
constexpr int64_t kRefusalsMax = 256;                   // connections above the limit that are told so; more are closed

class AsioServer final : public HttpServer {
 public:
  AsioServer(HttpServerOptions options, HttpHandler& handler)
      : options_(std::move(options)),
        core_(handler, options_.limits, static_cast<size_t>(options_.workers)),
        tcp_(core_.io),
        local_(core_.io) {}

  ~AsioServer() override {
    core_.workers.join();
    if (local_bound_) ::unlink(options_.unix_socket.c_str());
  }

  Result<void> bind() {
    if (!options_.tls_certificate.empty() || !options_.tls_key.empty()) {
      MLXS_TRY(tls_, make_tls(options_.tls_certificate, options_.tls_key));
    }
    if (options_.port >= 0) MLXS_CHECKED(bind_tcp());
    if (!options_.unix_socket.empty()) MLXS_CHECKED(bind_local());
    return {};
  }

  void run() override {
    if (tcp_.is_open()) asio::co_spawn(core_.io, accept_tcp(), asio::detached);
    if (local_.is_open()) asio::co_spawn(core_.io, accept_local(), asio::detached);
    asio::co_spawn(core_.io, tick(), asio::detached);
    core_.io.run();
  }

  void drain() override {
    asio::post(core_.io, [this] { start_drain(); });
  }

  int port() const override { return port_; }
  int64_t connections() const override { return open_; }

 private:
  using Connections = std::unordered_map<HttpConnection*, std::weak_ptr<HttpConnection>>;

  Result<void> bind_tcp() {
    boost::system::error_code error;
    const auto address = asio::ip::make_address(options_.address, error);
    if (error) {
      return fail(ErrorCode::invalid_request, "address", "address must be an IP address, got '{}'", options_.address);
    }
    const tcp::endpoint endpoint(address, static_cast<uint16_t>(options_.port));
    tcp_.open(endpoint.protocol(), error);
    if (!error) tcp_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) tcp_.bind(endpoint, error);
    if (!error) tcp_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      return fail(ErrorCode::io, "port", "cannot listen at {}:{}: {}", options_.address, options_.port,
                  error.message());
    }
    port_ = tcp_.local_endpoint().port();
    return {};
  }

  // A socket file that nobody listens at is left over and goes; any other file stays.
  Result<void> bind_local() {
    const std::string& path = options_.unix_socket;
    boost::system::error_code error;
    struct stat status{};
    if (::stat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) {
      Local::socket probe(core_.io);
      probe.connect(Local::endpoint(path), error);
      if (error == boost::system::errc::connection_refused) ::unlink(path.c_str());
    }
    error = {};
    const mode_t mask = ::umask(0077);  // for this user only
    local_.open(Local(), error);
    if (!error) local_.bind(Local::endpoint(path), error);
    ::umask(mask);
    local_bound_ = !error;
    if (!error) local_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return fail(ErrorCode::io, "unix_socket", "cannot listen at {}: {}", path, error.message());
    return {};
  }

  asio::awaitable<void> accept_tcp() {
    while (tcp_.is_open()) {
      auto [error, socket] = co_await tcp_.async_accept(asio::as_tuple(asio::use_awaitable));
      if (!error) {
        boost::system::error_code ignored;
        socket.set_option(tcp::no_delay(true), ignored);
        const auto remote = socket.remote_endpoint(ignored);
        std::string peer = ignored ? "" : fmt::format("{}:{}", remote.address().to_string(), remote.port());
        Socket any(std::move(socket));
        adopt(tls_ ? tls_->wrap(std::move(any)) : plain_stream(std::move(any)), std::move(peer));
      } else if (tcp_.is_open()) {
        co_await pause(kAcceptPause);
      }
    }
  }

  asio::awaitable<void> accept_local() {
    while (local_.is_open()) {
      auto [error, socket] = co_await local_.async_accept(asio::as_tuple(asio::use_awaitable));
      if (!error) {
        adopt(plain_stream(Socket(std::move(socket))), "unix");
      } else if (local_.is_open()) {
        co_await pause(kAcceptPause);
      }
    }
  }

  static asio::awaitable<void> pause(std::chrono::milliseconds time) {
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }

  void adopt(std::unique_ptr<ByteStream> stream, std::string peer) {
    if (open_ >= core_.limits.connections_max + kRefusalsMax) return stream->close();
    const auto connection = std::make_shared<HttpConnection>(core_, std::move(stream), std::move(peer),
                                                             [this](HttpConnection* c) { forget(c); });
    connections_.emplace(connection.get(), connection);
    const bool refused = ++open_ > core_.limits.connections_max;
    refused ? connection->start_refusal() : connection->start();
  }

  void forget(HttpConnection* connection) {
    connections_.erase(connection);
    --open_;
  }

  // Time for all connections at once: two thousand timers less. Ends, and with it run(), when all is drained.
  asio::awaitable<void> tick() {
    while (!core_.draining || !connections_.empty()) {
      co_await pause(kTick);
      const auto now = Clock::now();
      for_each([&](HttpConnection& connection) { connection.tick(now); });
      if (core_.draining && now >= drained_by_) for_each([](HttpConnection& connection) { connection.cut(); });
    }
  }

  template <typename Action>
  void for_each(Action action) {
    for (const auto& [key, weak] : connections_) {
      if (const auto connection = weak.lock()) action(*connection);
    }
  }

  void start_drain() {
    if (core_.draining) {
      drained_by_ = Clock::now();
      return;
    }
    core_.draining = true;
    drained_by_ = Clock::now() + std::chrono::milliseconds(core_.limits.drain_timeout_ms);
    boost::system::error_code ignored;
    tcp_.close(ignored);
    local_.close(ignored);
    for_each([](HttpConnection& connection) { connection.drain(); });
  }

  HttpServerOptions options_;
  HttpCore core_;
  tcp::acceptor tcp_;
  Local::acceptor local_;
  std::unique_ptr<TlsContext> tls_;
  Connections connections_;
  std::atomic<int64_t> open_ = 0;
  Clock::time_point drained_by_;
  int port_ = -1;
  bool local_bound_ = false;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::bind(HttpServerOptions options, HttpHandler& handler) {
  auto server = std::make_unique<AsioServer>(std::move(options), handler);
  MLXS_CHECKED(server->bind());
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace mlxserving::net
