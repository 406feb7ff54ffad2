// The streams of one model that their readers still hold.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <set>

#include "engine/stream_state.h"

namespace mlxserving::engine {

// Any thread: streams come and go with their readers, and a watchdog ends them all when the loop cannot.
class OpenStreams {
 public:
  void add(const std::shared_ptr<StreamState>& stream) {
    const std::lock_guard lock(mutex_);
    streams_.insert(stream);
  }
  void remove(const std::shared_ptr<StreamState>& stream) {
    const std::lock_guard lock(mutex_);
    streams_.erase(stream);
  }
  size_t size() const {
    const std::lock_guard lock(mutex_);
    return streams_.size();
  }

  // Every stream ends with this error. The loop, should it wake, finds them cancelled.
  void fail_all(const Error& error) {
    const std::lock_guard lock(mutex_);
    for (const auto& stream : streams_) {
      stream->cancelled = true;
      stream->fail_all(error);
    }
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::shared_ptr<StreamState>> streams_;
};

}  // namespace mlxserving::engine
