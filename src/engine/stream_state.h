// What a request's reader and the engine thread share.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

#include "core/bounded_queue.h"
#include "mlxserving/event.h"

namespace mlxserving::engine {

constexpr size_t kStreamEventsMax = 256;  // a reader this far behind pauses its own request

// Shared by the Stream and the engine loop, because either may end first. The loop writes events, the reader takes
// them.
struct StreamState {
  BoundedQueue<Event> events{kStreamEventsMax};
  std::atomic<bool> cancelled = false;
  std::atomic<bool> paused = false;  // set by the loop, which the reader must then wake
};

// A step gives at most one delta; the last place is kept for Finished or Failed.
inline bool can_take_a_token(const StreamState& stream) { return stream.events.room() >= 2; }

}  // namespace mlxserving::engine
