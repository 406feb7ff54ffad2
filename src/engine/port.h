// Where the callers of one model and its loop meet.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "core/doorbell.h"
#include "engine/inbox.h"

namespace mlxserving::engine {

// Shared by the engine, its streams and the hosted model, because each may end first.
struct Port {
  using Clock = Doorbell::Clock;

  explicit Port(std::shared_ptr<Doorbell> bell) : inbox(std::move(bell)) {}

  void touch() { last_used = Clock::now(); }

  Inbox inbox;
  std::atomic<int64_t> open_streams = 0;  // not yet dropped by their readers
  std::atomic<Clock::time_point> last_used = Clock::now();
};

}  // namespace mlxserving::engine
