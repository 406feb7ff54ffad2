// Signs of life of a thread, read from outside without asking it.
#pragma once

#include <atomic>
#include <chrono>

namespace mlxserving::engine {

// One thread beats, any thread reads.
class Pulse {
 public:
  using Clock = std::chrono::steady_clock;
  using Duration = Clock::duration;

  struct Sign {
    Duration age = {};      // since the last beat
    Duration allowed = {};  // how long what began then may take
    bool dead = false;
  };

  // Something begins that may take this long.
  void beat(Duration allowed) {
    last_ = Clock::now();  // before `allowed`: who sees the new bound sees the new beat
    allowed_ = allowed;
  }
  void die() { dead_ = true; }

  Sign read() const {
    const Duration allowed = allowed_;
    return {.age = Clock::now() - last_.load(), .allowed = allowed, .dead = dead_};
  }

 private:
  std::atomic<Clock::time_point> last_ = Clock::now();
  std::atomic<Duration> allowed_ = Duration::max();
  std::atomic<bool> dead_ = false;
};

}  // namespace mlxserving::engine
