// One connection: a coroutine that reads a request, has it handled, writes the response, and again.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "net/byte_stream.h"
#include "net/http_limits.h"
#include "net/http_message.h"

namespace mlxserving::net {

using Clock = std::chrono::steady_clock;

// What the connections of a server share; the server's thread only.
struct HttpCore {
  boost::asio::io_context io{1};
  boost::asio::thread_pool workers;
  HttpHandler& handler;
  HttpLimits limits;
  int64_t body_bytes = 0;  // of all bodies in hand
  bool draining = false;
  std::mt19937_64 random{std::random_device{}()};

  HttpCore(HttpHandler& h, const HttpLimits& l, size_t worker_count) : workers(worker_count), handler(h), limits(l) {}
};

// Owned by what is under way on it. On the server's thread.
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  // `ended` is called once, when nothing more will happen here.
  HttpConnection(HttpCore& core, std::unique_ptr<ByteStream> stream, std::string peer,
                 std::function<void(HttpConnection*)> ended);

  void start();
  void start_refusal();  // answers that there are too many connections, and closes
  void tick(Clock::time_point now);
  void drain();  // ends when idle, or after the current response
  void cut();

 private:
  template <typename T>
  using Task = boost::asio::awaitable<T>;
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  // Why a request was not received. Status 0: nobody is there to be told.
  struct Fault {
    int status = 0;
    std::string message;
  };
  using Received = std::optional<Fault>;

  // The part of the budget of all bodies that one request holds.
  class BodyShare {
   public:
    explicit BodyShare(HttpCore& core) : core_(core) {}
    ~BodyShare() { core_.body_bytes -= bytes_; }
    BodyShare(const BodyShare&) = delete;
    BodyShare& operator=(const BodyShare&) = delete;
    bool grow_to(int64_t bytes);

   private:
    HttpCore& core_;
    int64_t bytes_ = 0;
  };

  Task<void> run();
  Task<void> refuse();
  Task<bool> handshake();
  Task<bool> serve_one();
  void expect_request();
  Task<void> turn_away(const HttpRequest& head, Fault fault);
  Task<Received> receive_head();
  Task<Received> receive_body(BodyShare& share);
  Task<Received> receive_more();
  Received interruption();
  Received bodies_full() const;
  static Received gone() { return Fault{0, {}}; }
  Received parse_some();
  Received check_head() const;
  HttpRequest take_head();
  Task<void> refuse_request(const HttpRequest& head, const HttpResponse& refusal);
  Task<std::optional<HttpReply>> handle(HttpRequest request);
  Task<bool> answer(PendingResponse& pending);
  Task<bool> write_whole(const HttpResponse& response);
  Task<bool> write_stream(PendingResponse& pending, const HttpResponse& head);
  Task<bool> write(std::string bytes);
  Task<void> linger();
  Task<void> happening();

  std::string head_text(const HttpResponse& response, std::optional<size_t> length) const;
  bool stays_open() const { return keep_alive_ && !core_.draining; }
  bool is_lost() const { return peer_gone_ || cut_ || expired_ || write_failed_; }
  void start_read();
  void notify();
  void set_deadline(int64_t milliseconds);
  void clear_deadline() { deadline_ = Clock::time_point::max(); }
  void await_silence();

  HttpCore& core_;
  std::unique_ptr<ByteStream> stream_;
  std::string peer_;
  std::function<void(HttpConnection*)> ended_;

  // What has happened since the coroutine looked last; it sleeps on the timer, which never expires by itself.
  boost::asio::steady_timer signal_;
  bool happened_ = false;
  std::atomic<bool> wake_posted_ = false;

  bool reading_ = false;
  bool peer_gone_ = false;
  bool cut_ = false;
  bool expired_ = false;
  bool idle_ = true;
  Clock::time_point deadline_ = Clock::time_point::max();
  Clock::time_point silence_until_ = Clock::time_point::max();
  bool silent_ = false;

  std::vector<char> chunk_;
  std::string input_;  // received, not yet parsed
  bool needs_more_ = true;
  std::optional<Parser> parser_;
  int64_t head_bytes_ = 0;

  // Of the current request.
  std::string request_id_;
  bool keep_alive_ = true;
  bool is_head_ = false;
  bool is_http_1_0_ = false;
  int status_ = 0;
  uint64_t bytes_sent_ = 0;
  HttpHeaders notes_;

  std::string output_;
  bool writing_ = false;
  bool write_failed_ = false;
};

}  // namespace mlxserving::net
