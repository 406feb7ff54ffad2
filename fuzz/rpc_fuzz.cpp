// The runtime from bytes to replies: framing with a small limit, messages, dispatch to engines that echo. After each
// input the server must still answer.
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>

#include "api/echo_host.h"
#include "api/id_scanner.h"
#include "api/rpc_server.h"
#include "net/line_splitter.h"

namespace {

using namespace mlxserving;

constexpr size_t kLineBytesMax = 4096;
constexpr const char* kProbe = "\"are you there\"";

class Server {
 public:
  Server() {
    settings_.default_max_tokens = 2;
    (void)host_.load("m", "/", {});
    server_.emplace(
        services_, inbox_,
        api::RpcOutput{.reply = [this](const std::string& line) { take(line); }, .notify = [](const std::string&) {}});
    thread_ = std::thread([this] { server_->run(); });
    thread_.detach();
  }

  void send(std::variant<api::Request, api::BadLine> message) {
    const auto* request = std::get_if<api::Request>(&message);
    if (request != nullptr && request->method == "shutdown") return;
    inbox_.push(api::Received{std::move(message)});
  }

  void expect_alive() {
    send(api::Request{.id = "are you there", .method = "runtime/info"});
    std::unique_lock lock(mutex_);
    if (!answered_.wait_for(lock, std::chrono::seconds(10), [&] { return alive_; })) std::abort();
    alive_ = false;
  }

 private:
  void take(const std::string& line) {
    if (line.find(kProbe) == std::string::npos) return;
    const std::lock_guard lock(mutex_);
    alive_ = true;
    answered_.notify_all();
  }

  config::RuntimeSettings settings_;
  api::test::EchoHost host_;
  telemetry::Log log_{telemetry::Level::off};
  api::Services services_{host_, log_, settings_, "1", "2"};
  api::ServerInbox inbox_{api::kServerInboxMax};
  std::optional<api::RpcServer> server_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable answered_;
  bool alive_ = false;
};

struct Receiver final : net::LineReceiver {
  explicit Receiver(Server& s) : server(s) {}
  void on_line(std::string_view line) override {
    if (line.size() > kLineBytesMax) std::abort();
    server.send(api::read_message(line));
  }
  void on_overlong_part(std::string_view part) override { scanner.feed(part); }
  void on_overlong_end(uint64_t line_bytes) override {
    if (line_bytes <= kLineBytesMax) std::abort();
    server.send(api::BadLine{scanner.id().value_or(Json()), api::rpc_error(api::RpcCode::invalid_request, "too long")});
    scanner = {};
  }
  Server& server;
  api::IdScanner scanner;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Server& server = *new Server;  // lives as long as the process, as its thread does
  Receiver receiver(server);
  net::LineSplitter splitter(kLineBytesMax, receiver);
  // The first byte says where the input is cut in two.
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t cut = size == 0 ? 0 : std::min<size_t>(data[0], size);
  splitter.feed(bytes.substr(0, cut));
  splitter.feed(bytes.substr(cut));
  splitter.finish();
  server.expect_alive();
  return 0;
}
