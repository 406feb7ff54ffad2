// What the endpoints share.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "api/model_shelf.h"
#include "net/http_limits.h"
#include "net/http_message.h"
#include "telemetry/log.h"

namespace mlxserving::api {

struct ApiOptions {
  std::vector<std::string> keys;   // accepted API keys; empty: anybody
  std::string cors_origin;         // "*" or one origin; empty: browsers of other sites are refused
  bool checks_host = false;        // only the Host names of host_check.h; for servers that only this machine reaches
  std::vector<std::string> hosts;  // further names that are allowed; "*": any
  net::HttpLimits limits = {};
  telemetry::Log* access_log = nullptr;  // borrowed: a line a request; null: none
};

// How many generations run, in all and a key. Any thread.
class Admission {
 public:
  explicit Admission(const net::HttpLimits& limits) : limits_(limits) {}

  // A place, given back when the pointer goes; or the refusal.
  struct Refusal {
    int status;
    std::string message;
  };
  std::shared_ptr<void> enter(const std::string& key, Refusal& refusal);
  int64_t running() const { return running_; }

 private:
  const net::HttpLimits& limits_;
  std::atomic<int64_t> running_ = 0;
  std::mutex mutex_;
  std::map<std::string, int64_t> by_key_;
};

struct ServerState {
  ServerState(ModelShelf& s, ApiOptions o) : shelf(s), options(std::move(o)) {}

  ModelShelf& shelf;
  const ApiOptions options;
  Admission admission{options.limits};
  std::function<int64_t()> connections = [] { return 0; };
  std::atomic<bool> draining = false;
  std::atomic<uint64_t> requests_by_class[6] = {};  // by the status's first digit; 0: the client left before
  std::atomic<uint64_t> bytes_sent = 0;
  const std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
};

}  // namespace mlxserving::api
