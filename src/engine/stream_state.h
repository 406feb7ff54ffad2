// What a request's reader and the engine thread share.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/bounded_queue.h"
#include "mlxserving/event.h"

namespace mlxserving::engine {

constexpr size_t kStreamEventsMax = 256;  // a reader this far behind pauses its own request

// Shared by the Stream and the engine loop, because either may end first. The loop writes events, the reader takes
// them.
class StreamState {
 public:
  explicit StreamState(int32_t answers = 1)
      : events(std::max(kStreamEventsMax, size_t{4} * static_cast<size_t>(answers))),
        ended_(static_cast<size_t>(answers), false),
        running_(answers) {}

  // The last event of one answer, Finished or Failed: of several the first counts. With the last answer's the stream
  // closes. The loop, or a watchdog in its place.
  void end(int32_t answer, Event event) {
    const std::lock_guard lock(mutex_);
    if (ended_.at(static_cast<size_t>(answer))) return;
    ended_[static_cast<size_t>(answer)] = true;
    events.try_push(event);
    if (--running_ == 0) events.close();
  }
  void fail_all(const Error& error) {
    for (int32_t answer = 0; answer < answers(); ++answer) end(answer, Failed{.answer = answer, .error = error});
  }
  int32_t answers() const { return static_cast<int32_t>(ended_.size()); }

  BoundedQueue<Event> events;
  std::atomic<bool> cancelled = false;
  std::atomic<bool> paused = false;   // set by the loop, which the reader must then wake
  std::vector<float> embedding = {};  // of a request for one: whole before its Finished

 private:
  std::mutex mutex_;
  std::vector<bool> ended_;  // [answer]
  int32_t running_;
};

// A step gives each answer at most one delta, and each has a last event to come; two places are for what comes before
// the first token.
inline bool can_take_tokens(const StreamState& stream, size_t running_answers) {
  return stream.events.room() >= 2 * running_answers + 2;
}

}  // namespace mlxserving::engine
