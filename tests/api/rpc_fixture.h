// A server under test, and what it says.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "api/echo_host.h"
#include "api/rpc_server.h"
#include "core/strict_json.h"

namespace mlxserving::api::test {

// A server on a thread of its own with model "m" loaded, and the lines it wrote.
class RpcFixture {
 public:
  explicit RpcFixture(config::RuntimeSettings settings = {}, Host* host = nullptr)
      : settings_(std::move(settings)), services_{host != nullptr ? *host : host_, log_, settings_, "1", "2"} {
    (void)host_.load("m", "/models/m", {});
    server_.emplace(services_, inbox_,
                    RpcOutput{.reply = [this](const std::string& line) { add(line); },
                              .notify = [this](const std::string& line) { add(line); }});
    thread_ = std::thread([this] { clean_ = server_->run(); });
  }
  ~RpcFixture() {
    host_.release();
    stop();
    server_.reset();
  }

  void send(const std::string& line) { inbox_.push(Received{read_message(line)}); }
  // A call with the next id, which is given back.
  int call(const std::string& method, const Json& params) {
    const int id = ++last_id_;
    send(to_text({{"jsonrpc", "2.0"}, {"method", method}, {"params", params}, {"id", id}}));
    return id;
  }
  void notify(const std::string& method, const Json& params) {
    send(to_text({{"jsonrpc", "2.0"}, {"method", method}, {"params", params}}));
  }

  // Waits for the reply to an id.
  Json reply(const Json& id) {
    return find([&](const Json& line) { return line.contains("id") && line["id"] == id; });
  }
  // The result, which must be what the schema says of the method's.
  Json result(const std::string& method, const Json& params) {
    Json result = reply(call(method, params)).value("result", Json());
    const Method* row = find_method(method);
    if (result.is_null() || row == nullptr || row->result == nullptr) return result;
    for (const schema::Issue& issue : schema::validate(result, *schema::find_message(row->result))) {
      ADD_FAILURE() << method << ": " << schema::path_text(issue.path) << " " << issue.message;
    }
    return result;
  }
  Json error(const std::string& method, const Json& params) {
    return reply(call(method, params)).value("error", Json());
  }
  // Waits for the last notification of a stream.
  Json end_of(const std::string& stream_id) {
    return find([&](const Json& line) {
      return line.value("method", "") == "stream.event" && line["params"]["stream_id"] == stream_id;
    })["params"];
  }

  // Waits for so many replies, of whatever ids.
  void wait_for_replies(size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(120), [&] { return replies_ >= count; }))
        << replies_ << " of " << count << " replies came";
  }
  // Every line so far.
  std::vector<Json> lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  void stop() {
    if (!thread_.joinable()) return;
    inbox_.push(StopRequested{StopReason::parent_died});
    thread_.join();
  }
  // After the server has ended by itself.
  bool join() {
    thread_.join();
    return clean_;
  }

  EchoHost& host() { return host_; }
  ServerInbox& inbox() { return inbox_; }

 private:
  void add(const std::string& line) {
    Result<Json> parsed = parse_strict_json(line);
    EXPECT_TRUE(parsed) << line;
    const std::lock_guard lock(mutex_);
    lines_.push_back(parsed ? *parsed : Json());
    if (lines_.back().contains("id")) ++replies_;
    changed_.notify_all();
  }

  template <typename Predicate>
  Json find(Predicate is_it) {
    std::unique_lock lock(mutex_);
    Json found;
    const auto look = [&] {
      for (const Json& line : lines_) {
        if (is_it(line)) found = line;
      }
      return !found.is_null();
    };
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(20), look)) << "no such line came";
    return found;
  }

  config::RuntimeSettings settings_;
  EchoHost host_;
  telemetry::Log log_{telemetry::Level::off};
  Services services_;
  ServerInbox inbox_{kServerInboxMax};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Json> lines_;
  size_t replies_ = 0;
  int last_id_ = 1000;  // apart from the ids that tests write themselves
  std::optional<RpcServer> server_;
  bool clean_ = false;
  std::thread thread_;
};

}  // namespace mlxserving::api::test
