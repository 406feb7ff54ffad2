// Where the callers of one model and its loop meet.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "core/doorbell.h"
#include "engine/faults.h"
#include "engine/inbox.h"
#include "engine/open_streams.h"
#include "engine/report.h"

namespace mlxserving::engine {

// Shared by the engine, its streams and the hosted model, because each may end first.
struct Port {
  using Clock = Doorbell::Clock;

  explicit Port(std::shared_ptr<Doorbell> bell) : inbox(std::move(bell)) {}

  Inbox inbox;
  OpenStreams streams;
  ReportBoard board;
  Faults faults;
  std::atomic<Clock::time_point> last_used = Clock::now();
  std::atomic<Clock::time_point> refuses_until = Clock::time_point{};  // while the loop's circuit is open
  std::atomic<uint64_t> rejected = 0;                                  // before they came to the loop
};

}  // namespace mlxserving::engine
