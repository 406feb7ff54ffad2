// Circuit breaker and batch sizing of one loop, on its clock: what the scheduler may do now, and what to tell others.
#pragma once

#include <chrono>
#include <string>

#include "engine/report.h"
#include "mlxserving/error.h"
#include "scheduler/batch_sizing.h"
#include "scheduler/circuit_breaker.h"
#include "scheduler/scheduler.h"

namespace mlxserving::engine {

// Engine thread.
class Governor {
 public:
  using Clock = std::chrono::steady_clock;

  Governor(const scheduler::Limits& limits, double latency_target_ms);

  void step_succeeded(double step_ms, bool decoded);
  void step_failed();

  // Whether a step may run now.
  bool may_step();
  // While the circuit is open; otherwise the epoch.
  Clock::time_point refuses_until() const;
  scheduler::Limits limits() const;

  // Fills in the states and what is wrong.
  void describe(Report& report) const;

 private:
  double now_ms() const;

  scheduler::Limits normal_;
  double target_ms_;
  scheduler::CircuitBreaker breaker_;
  scheduler::BatchSizing sizing_;
  Clock::time_point begin_ = Clock::now();
};

}  // namespace mlxserving::engine
