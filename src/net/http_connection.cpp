#include "net/http_connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/verb.hpp>
#include <cctype>
#include <utility>

namespace mlxserving::net {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

constexpr size_t kReadBytes = 16 << 10;
constexpr size_t kPipelinedBytesMax = 64 << 10;  // taken in ahead while a response is under way
constexpr size_t kStreamBytes = 32 << 10;        // of one write of a streamed body
constexpr int64_t kLingerMs = 2'000;             // for a refused body to run dry, so that the refusal is read
constexpr size_t kRequestIdBytesMax = 128;

bool is_token(std::string_view text) {
  return !text.empty() && text.size() <= kRequestIdBytesMax &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7F && c != '"' && c != '\\'; });
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// "/path?query", or a whole address as clients of proxies send it: then its name counts and not the Host header's (RFC
// 9112, 3.2.2).
struct Target {
  std::string_view authority;
  std::string_view path;
};

Target split_target(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!boost::beast::iequals(target.substr(0, scheme.size()), scheme)) continue;
    const std::string_view rest = target.substr(scheme.size());
    const size_t end = std::min(rest.find_first_of("/?"), rest.size());
    if (end == 0) break;
    return {rest.substr(0, end), end == rest.size() ? "/" : rest.substr(end)};
  }
  return {{}, target};
}

HttpReply handle_safely(HttpHandler& handler, HttpRequest request) {
  try {
    return handler.handle(std::move(request));
  } catch (const std::exception& e) {
    return handler.error(500, fmt::format("internal error: {}", e.what()));
  }
}

}  // namespace

bool HttpConnection::BodyShare::grow_to(int64_t bytes) {
  const int64_t more = std::max<int64_t>(0, bytes - bytes_);
  if (core_.body_bytes + more > core_.limits.bodies_bytes_max) return false;
  core_.body_bytes += more;
  bytes_ += more;
  return true;
}

HttpConnection::HttpConnection(HttpCore& core, std::unique_ptr<ByteStream> stream, std::string peer,
                               std::function<void(HttpConnection*)> ended)
    : core_(core), stream_(std::move(stream)), peer_(std::move(peer)), ended_(std::move(ended)), signal_(core.io) {
  signal_.expires_at(Clock::time_point::max());
}

void HttpConnection::start() {
  // `self` keeps this alive until the coroutine has ended.
  asio::co_spawn(core_.io, run(), [self = shared_from_this()](const std::exception_ptr&) {
    self->stream_->close();
    self->ended_(self.get());
  });
}

void HttpConnection::start_refusal() {
  asio::co_spawn(core_.io, refuse(), [self = shared_from_this()](const std::exception_ptr&) {
    self->stream_->close();
    self->ended_(self.get());
  });
}

// ------------------------------------------------------------------------------------------------- what happens to it

void HttpConnection::notify() {
  happened_ = true;
  signal_.cancel_one();
}

HttpConnection::Task<void> HttpConnection::happening() {
  if (!happened_) {
    boost::system::error_code woken;  // always: operation_aborted
    co_await signal_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
  happened_ = false;
}

void HttpConnection::set_deadline(int64_t milliseconds) {
  deadline_ = Clock::now() + std::chrono::milliseconds(milliseconds);
}

void HttpConnection::await_silence() {
  silent_ = false;
  silence_until_ = Clock::now() + std::chrono::milliseconds(core_.limits.keep_alive_ms);
}

void HttpConnection::tick(Clock::time_point now) {
  if (now >= deadline_) {
    expired_ = true;
    clear_deadline();
    notify();
  }
  if (now >= silence_until_) {
    silent_ = true;
    silence_until_ = Clock::time_point::max();
    notify();
  }
}

void HttpConnection::drain() {
  if (idle_) cut();
}

void HttpConnection::cut() {
  cut_ = true;
  notify();
}

// Reads ahead whatever the coroutine is doing: that is how a client is seen to leave.
void HttpConnection::start_read() {
  if (reading_ || peer_gone_ || input_.size() >= kPipelinedBytesMax) return;
  reading_ = true;
  chunk_.resize(kReadBytes);
  stream_->read_some(asio::buffer(chunk_), [self = shared_from_this()](boost::system::error_code error, size_t count) {
    self->reading_ = false;
    self->input_.append(self->chunk_.data(), count);
    if (count > 0) self->needs_more_ = false;
    if (error) self->peer_gone_ = true;
    self->notify();
  });
}

// ------------------------------------------------------------------------------------------------------------ requests

HttpConnection::Task<void> HttpConnection::run() {
  bool open = co_await handshake();
  while (open) open = co_await serve_one();
}

HttpConnection::Task<void> HttpConnection::refuse() {
  const bool open = co_await handshake();
  if (!open) co_return;
  keep_alive_ = false;
  request_id_ = "-";
  HttpResponse response = core_.handler.error(
      503,
      fmt::format("the server has its limit of {} open connections (connections_max)", core_.limits.connections_max));
  response.headers.emplace_back("retry-after", "1");
  const bool written = co_await write_whole(response);
  if (written) co_await linger();
}

HttpConnection::Task<bool> HttpConnection::handshake() {
  bool done = false;
  bool failed = false;
  set_deadline(core_.limits.header_timeout_ms);
  stream_->handshake([self = shared_from_this(), &done, &failed](boost::system::error_code error, size_t) {
    done = true;
    failed = static_cast<bool>(error);
    self->notify();
  });
  while (!done) {
    co_await happening();
    if (cut_ || expired_) stream_->close();
  }
  co_return !failed;
}

void HttpConnection::expect_request() {
  parser_.emplace();
  parser_->header_limit(static_cast<uint32_t>(core_.limits.header_bytes_max));
  parser_->body_limit(static_cast<uint64_t>(core_.limits.body_bytes_max));
  head_bytes_ = 0;
  keep_alive_ = true;
  is_head_ = false;
  status_ = 0;
  bytes_sent_ = 0;
  notes_.clear();
  request_id_ = fmt::format("req-{:016x}", core_.random());
}

// Says what is wrong to a client that is still there.
HttpConnection::Task<void> HttpConnection::turn_away(const HttpRequest& head, Fault fault) {
  if (fault.status == 0) co_return;
  HttpResponse refusal = core_.handler.error(fault.status, fault.message);
  co_await refuse_request(head, refusal);
}

// One request and its response; false when the connection ends with it.
HttpConnection::Task<bool> HttpConnection::serve_one() {
  expect_request();
  const auto begun = Clock::now();
  Received fault = co_await receive_head();
  idle_ = false;
  HttpRequest head;
  if (!fault || parser_->is_header_done()) head = take_head();
  if (!fault) fault = check_head();
  if (fault) {
    co_await turn_away(head, *fault);
    co_return false;
  }
  if (auto refusal = core_.handler.refuse(head)) {
    if (!parser_->is_done()) {
      co_await refuse_request(head, *refusal);
      co_return false;
    }
    const bool written = co_await write_whole(*refusal);
    core_.handler.served({head, status_, bytes_sent_, 0, notes_});
    co_return written&& stays_open();
  }

  auto share = std::make_shared<BodyShare>(core_);  // shared with the worker, who may outlive this connection
  fault = co_await receive_body(*share);
  if (fault) {
    co_await turn_away(head, *fault);
    co_return false;
  }
  clear_deadline();
  HttpRequest request = head;
  request.body = std::move(parser_->get().body());
  parser_.reset();
  bool open = false;
  std::optional<HttpReply> reply = co_await handle(std::move(request));
  if (reply) {
    share.reset();
    if (auto* whole = std::get_if<HttpResponse>(&*reply)) {
      open = co_await write_whole(*whole);
    } else {
      open = co_await answer(*std::get<std::unique_ptr<PendingResponse>>(*reply));
    }
  }
  const std::chrono::duration<double, std::milli> taken = Clock::now() - begun;
  core_.handler.served({head, status_, bytes_sent_, taken.count(), notes_});
  co_return open&& stays_open();
}

HttpConnection::Task<HttpConnection::Received> HttpConnection::receive_head() {
  idle_ = input_.empty();
  set_deadline(idle_ ? core_.limits.idle_timeout_ms : core_.limits.header_timeout_ms);
  while (true) {
    if (!input_.empty() && !needs_more_) {
      if (idle_) set_deadline(core_.limits.header_timeout_ms);
      idle_ = false;
      if (auto fault = parse_some()) co_return fault;
      if (parser_->is_header_done()) co_return std::nullopt;
    }
    Received fault = co_await receive_more();
    if (fault && (input_.empty() || cut_)) fault = Fault{};
    if (fault) co_return fault;
  }
}

HttpConnection::Task<HttpConnection::Received> HttpConnection::receive_body(BodyShare& share) {
  set_deadline(core_.limits.body_timeout_ms);
  const auto& message = parser_->get();
  if (boost::beast::iequals(message[http::field::expect], "100-continue") && !parser_->is_done() && input_.empty()) {
    std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    const bool written = co_await write(std::move(go_on));
    if (!written) co_return gone();
    set_deadline(core_.limits.body_timeout_ms);
  }
  while (true) {
    const auto bytes = static_cast<int64_t>(message.body().size());
    const auto announced = static_cast<int64_t>(parser_->content_length().value_or(0));
    if (!share.grow_to(std::max(bytes, announced))) {
      co_return bodies_full();
    }
    if (parser_->is_done()) co_return std::nullopt;
    if (!input_.empty() && !needs_more_) {
      if (auto fault = parse_some()) co_return fault;
      continue;
    }
    Received fault = co_await receive_more();
    if (fault && cut_) fault = gone();
    if (fault) co_return fault;
  }
}

// Waits for bytes. A fault when none will come, or too late.
HttpConnection::Task<HttpConnection::Received> HttpConnection::receive_more() {
  if (!peer_gone_) {
    start_read();
    co_await happening();
  }
  co_return interruption();
}

// Why no more bytes will be waited for, if so. What has arrived before the other side left is still parsed.
HttpConnection::Received HttpConnection::interruption() {
  if (cut_) return gone();
  if (peer_gone_ && needs_more_) return Fault{400, "the connection was closed in the middle of the request"};
  if (!std::exchange(expired_, false)) return std::nullopt;
  const bool in_body = parser_->is_header_done();
  return Fault{408, fmt::format("the request's {} did not arrive within {} ms ({})", in_body ? "body" : "headers",
                                in_body ? core_.limits.body_timeout_ms : core_.limits.header_timeout_ms,
                                in_body ? "body_timeout_ms" : "header_timeout_ms")};
}

HttpConnection::Received HttpConnection::bodies_full() const {
  return Fault{503, fmt::format("the bodies being received have their limit of {} bytes (bodies_bytes_max)",
                                core_.limits.bodies_bytes_max)};
}

HttpConnection::Received HttpConnection::parse_some() {
  boost::system::error_code error;
  const bool had_head = parser_->is_header_done();
  parser_->eager(had_head);  // not before: the head is measured
  const size_t used = parser_->put(asio::buffer(input_), error);
  input_.erase(0, used);
  if (!had_head) head_bytes_ += static_cast<int64_t>(used);
  if (error == http::error::need_more) {
    error = {};
    needs_more_ = true;
  } else if (input_.empty() || (used == 0 && !error)) {
    needs_more_ = true;
  }
  if (error == http::error::header_limit || head_bytes_ > core_.limits.header_bytes_max) {
    return Fault{431, fmt::format("the request's line and headers must have at most {} bytes (header_bytes_max)",
                                  core_.limits.header_bytes_max)};
  }
  if (error == http::error::body_limit) {
    return Fault{413, fmt::format("the body must have at most {} bytes (body_bytes_max)", core_.limits.body_bytes_max)};
  }
  if (error) return Fault{400, fmt::format("the request is not HTTP/1.1: {}", error.message())};
  if (needs_more_ && input_.size() > static_cast<size_t>(core_.limits.header_bytes_max)) {
    return Fault{400, "the request is not HTTP/1.1: a line of a chunk is too long"};
  }
  return std::nullopt;
}

HttpConnection::Received HttpConnection::check_head() const {
  const auto& message = parser_->get();
  if (!split_target(message.target()).path.starts_with('/')) {
    return Fault{400, "the request's target must be a path that begins with /"};
  }
  if (message.version() >= 11 && message.count(http::field::host) != 1) {
    return Fault{400, "the request must have one Host header"};
  }
  if (message.count(http::field::transfer_encoding) > 0 && !parser_->chunked()) {
    return Fault{501, "the only transfer encoding that is understood is chunked"};
  }
  if (message.count(http::field::content_encoding) > 0) {
    return Fault{415, "bodies must come without a content encoding"};
  }
  return std::nullopt;
}

HttpRequest HttpConnection::take_head() {
  const auto& message = parser_->get();
  HttpRequest head;
  head.method = std::string(message.method_string());
  const Target target = split_target(message.target());
  const size_t question = target.path.find('?');
  head.path = target.path.substr(0, question);
  if (question != std::string_view::npos) head.query = target.path.substr(question + 1);
  for (const auto& field : message) {
    std::string value(field.value());
    if (field.name() == http::field::host && !target.authority.empty()) value = target.authority;
    head.headers.emplace_back(lower(field.name_string()), std::move(value));
  }
  head.peer = peer_;
  if (is_token(head.header("x-request-id"))) request_id_ = head.header("x-request-id");
  head.id = request_id_;
  is_head_ = message.method() == http::verb::head;
  is_http_1_0_ = message.version() < 11;
  keep_alive_ = message.keep_alive();
  return head;
}

// The rest of the request is not wanted: the response, then the end of the connection.
HttpConnection::Task<void> HttpConnection::refuse_request(const HttpRequest& head, const HttpResponse& refusal) {
  keep_alive_ = false;
  const bool written = co_await write_whole(refusal);
  core_.handler.served({head, status_, bytes_sent_, 0, notes_});
  if (written) co_await linger();
}

// ----------------------------------------------------------------------------------------------------------- responses

HttpConnection::Task<std::optional<HttpReply>> HttpConnection::handle(HttpRequest request) {
  if (core_.handler.is_quick(request)) {
    std::optional<HttpReply> reply = handle_safely(core_.handler, std::move(request));
    co_return reply;
  }
  struct Slot {
    std::optional<HttpReply> reply;
    bool done = false;  // set on the server's thread
  };
  // Shared with the worker: whoever comes last drops the reply, and with it the work behind it.
  auto slot = std::make_shared<Slot>();
  asio::post(core_.workers, [self = shared_from_this(), slot, request = std::move(request)]() mutable {
    slot->reply = handle_safely(self->core_.handler, std::move(request));
    asio::post(self->core_.io, [self, slot] {
      slot->done = true;
      self->notify();
    });
  });
  while (!slot->done) {
    start_read();
    co_await happening();
    if (cut_) co_return std::nullopt;
  }
  co_return std::move(slot->reply);
}

HttpConnection::Task<bool> HttpConnection::answer(PendingResponse& pending) {
  pending.on_ready([self = shared_from_this()] {
    if (self->wake_posted_.exchange(true)) return;
    asio::post(self->core_.io, [self] {
      self->wake_posted_ = false;
      self->notify();
    });
  });
  await_silence();
  std::optional<HttpResponse> head;
  while (!is_lost()) {
    head = pending.begin(silent_);
    if (head) break;
    start_read();
    co_await happening();
  }
  if (!head) co_return false;
  bool open = false;
  if (pending.is_streamed()) {
    open = co_await write_stream(pending, *head);
  } else {
    open = co_await write_whole(*head);
  }
  co_return open;
}

std::string HttpConnection::head_text(const HttpResponse& response, std::optional<size_t> length) const {
  std::string text = fmt::format("HTTP/1.1 {} {}\r\ncontent-type: {}\r\nx-request-id: {}\r\n", response.status,
                                 std::string_view(http::obsolete_reason(static_cast<http::status>(response.status))),
                                 response.content_type, request_id_);
  for (const auto& [name, value] : response.headers) text += fmt::format("{}: {}\r\n", name, value);
  if (length) {
    text += fmt::format("content-length: {}\r\n", *length);
  } else if (!is_http_1_0_) {
    text += "transfer-encoding: chunked\r\n";
  }
  text += stays_open() ? (is_http_1_0_ ? "connection: keep-alive\r\n\r\n" : "\r\n") : "connection: close\r\n\r\n";
  return text;
}

HttpConnection::Task<bool> HttpConnection::write_whole(const HttpResponse& response) {
  status_ = response.status;
  notes_ = response.notes;
  std::string bytes = head_text(response, response.body.size());
  if (!is_head_) bytes += response.body;
  const bool written = co_await write(std::move(bytes));
  co_return written;
}

HttpConnection::Task<bool> HttpConnection::write_stream(PendingResponse& pending, const HttpResponse& head) {
  status_ = head.status;
  notes_ = head.notes;
  if (is_http_1_0_) keep_alive_ = false;  // its end is the connection's
  std::string bytes = head_text(head, std::nullopt);
  std::string body;
  bool open = true;
  while (open && !is_lost()) {
    body.clear();
    open = pending.read(body, kStreamBytes);
    if (body.empty() && open) {
      if (silent_) {
        body = pending.keep_alive();
      } else if (bytes.empty()) {
        start_read();
        co_await happening();
        continue;
      }
    }
    if (!body.empty()) bytes += is_http_1_0_ ? body : fmt::format("{:x}\r\n{}\r\n", body.size(), body);
    if (!open && !is_http_1_0_) bytes += "0\r\n\r\n";
    await_silence();
    if (bytes.empty()) continue;
    const bool written = co_await write(std::move(bytes));
    if (!written) co_return false;
    bytes.clear();
  }
  co_return !open && !is_lost();
}

HttpConnection::Task<bool> HttpConnection::write(std::string bytes) {
  if (cut_ || write_failed_) co_return false;
  expired_ = false;
  set_deadline(core_.limits.write_timeout_ms);
  output_ = std::move(bytes);
  writing_ = true;
  stream_->write(asio::buffer(output_), [self = shared_from_this()](boost::system::error_code error, size_t count) {
    self->writing_ = false;
    self->bytes_sent_ += count;
    if (error) self->write_failed_ = true;
    self->notify();
  });
  while (writing_) {
    co_await happening();
    if (writing_ && (cut_ || expired_)) stream_->close();
    start_read();
  }
  clear_deadline();
  co_return !write_failed_;
}

// Reads what the client still sends and throws it away: closing at once would reset the connection before the response
// was read.
HttpConnection::Task<void> HttpConnection::linger() {
  stream_->shut_down_sending();
  expired_ = false;
  set_deadline(kLingerMs);
  while (!is_lost()) {
    input_.clear();
    start_read();
    co_await happening();
  }
}

}  // namespace mlxserving::net
