// What the one reader of several queues sleeps on.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace mlxserving {

// Rung once or often while nobody waits, it wakes the next wait at once. ring() from any thread, one thread waits.
class Doorbell {
 public:
  using Clock = std::chrono::steady_clock;

  void ring() {
    const std::lock_guard lock(mutex_);
    rung_ = true;
    waiter_.notify_one();
  }

  // Returns when it has been rung since the last wait, or at `until`.
  void wait_until(Clock::time_point until) {
    std::unique_lock lock(mutex_);
    waiter_.wait_until(lock, until, [&] { return rung_; });
    rung_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable waiter_;
  bool rung_ = false;
};

}  // namespace mlxserving
