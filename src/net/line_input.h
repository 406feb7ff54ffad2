// The reading end of a pipe, waited for together with a word to stop.
#pragma once

#include <chrono>
#include <functional>

#include "net/line_splitter.h"

namespace mlxserving::net {

class LineInput {
 public:
  explicit LineInput(int descriptor);  // borrows it
  ~LineInput();
  LineInput(const LineInput&) = delete;
  LineInput& operator=(const LineInput&) = delete;

  // Feeds the splitter until the input ends, breaks, or stop() is called. `on_tick` is called at least once a `tick`
  // that passes while waiting; false ends the reading.
  void run(LineSplitter& splitter, std::chrono::milliseconds tick, const std::function<bool()>& on_tick);

  // From any thread, also before run().
  void stop();

 private:
  const int descriptor_;
  int wake_[2] = {-1, -1};
};

}  // namespace mlxserving::net
