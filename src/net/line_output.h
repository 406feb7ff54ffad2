// Lines to a pipe whose reader may be slow: a thread of its own writes, many threads add.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace mlxserving::net {

// A bounded queue, counted in bytes, whose reader is the pipe. What piles up while a write is under way goes out in one
// write. Any thread may call anything.
class LineOutput {
 public:
  // Borrows the descriptor. `on_broken` is called once, on the writing thread, when the pipe takes no more.
  LineOutput(int descriptor, std::function<void()> on_broken);
  ~LineOutput();  // as finish(0)
  LineOutput(const LineOutput&) = delete;
  LineOutput& operator=(const LineOutput&) = delete;

  // Adds the line and its end; never waits. After the pipe broke lines are dropped.
  void write(std::string_view line);
  // Waits while more than this is unwritten, unless the pipe broke or finish() was called: for those whose lines can
  // wait, or who can keep more of them from being made.
  void wait_until_below(size_t unwritten_bytes);

  // Writes what is left, for at most this long. False when something was not written.
  bool finish(std::chrono::milliseconds timeout);

 private:
  void run();
  bool write_all(std::string_view bytes) const;

  const int descriptor_;
  const std::function<void()> on_broken_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string unwritten_;
  size_t being_written_ = 0;
  std::atomic<bool> broken_ = false;  // written under the mutex
  bool finishing_ = false;
  std::thread writer_;
};

}  // namespace mlxserving::net
