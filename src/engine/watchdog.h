// Looks at the engine thread from outside: when a step does not return, whoever waits for it is told.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/doorbell.h"
#include "engine/port.h"
#include "engine/pulse.h"

namespace mlxserving::engine {

Error thread_died();
Error step_hangs(const Pulse::Sign& sign);

// Whether what the thread does hangs, told from looks at its pulse.
class HangJudge {
 public:
  // `slept`: since the last look. One that comes much too late tells that the whole process was stopped (Ctrl-Z, a
  // starved machine): what runs then gets its time again.
  bool look(const Pulse::Sign& sign, Pulse::Duration slept);

 private:
  Pulse::Duration excused_ = {};  // of the age of the present beat
};

// Has a thread of its own. It cannot end a step that hangs, but it ends the waiting for it; should the step return
// after all, the loop goes on with the requests that came later.
class Watchdog {
 public:
  explicit Watchdog(const Pulse& pulse);  // which outlives it
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // Any thread. A port that nobody else holds is forgotten.
  void watch(const std::shared_ptr<Port>& port);
  void fail_streams(const Error& error);

  // Four times a second it is told anew.
  bool is_hanging() const { return hanging_; }

 private:
  void run();

  const Pulse& pulse_;
  std::mutex mutex_;
  std::vector<std::weak_ptr<Port>> ports_;
  Doorbell stop_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> hanging_ = false;
  std::thread thread_;
};

}  // namespace mlxserving::engine
