// Stops asking a model that fails at every step, and tries again after a while. Nygard, Release It!, 2007.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

namespace mlxserving::scheduler {

struct BreakerLimits {
  int failures_max = 5;       // failed steps in a row that open the circuit
  double open_ms_min = 1000;  // how long it stays open at first; doubles with each vain probe
  double open_ms_max = 30000;
  int probes = 3;  // good steps in a row that close it
};

// Only faults of the model count: kernels, MLX, broken invariants. What users got wrong never reaches a step.
class CircuitBreaker {
 public:
  struct Closed {
    int failures = 0;  // in a row
  };
  struct Open {
    double until_ms = 0;
    double open_ms = 0;
  };
  struct HalfOpen {
    int successes = 0;
    double open_ms = 0;  // of the last time
  };
  using State = std::variant<Closed, Open, HalfOpen>;

  explicit CircuitBreaker(const BreakerLimits& limits = {}) : limits_(limits) {}

  // A step ended, or time went by. `now_ms` never decreases.
  void succeed();
  void fail(double now_ms);
  void tick(double now_ms);

  bool may_step() const { return !std::holds_alternative<Open>(state_); }
  bool is_closed() const { return std::holds_alternative<Closed>(state_); }
  // When a refused request may come again; 0 unless open.
  double open_until_ms() const;
  // Sequences at once: one while probing.
  int32_t running_max(int32_t normal) const { return std::holds_alternative<HalfOpen>(state_) ? 1 : normal; }

  const State& state() const { return state_; }
  uint64_t transitions() const { return transitions_; }
  uint64_t invalid_transitions() const { return invalid_transitions_; }  // events that the state has no row for

 private:
  void go(State state);

  BreakerLimits limits_;
  State state_ = Closed{};
  uint64_t transitions_ = 0;
  uint64_t invalid_transitions_ = 0;
};

// "closed", "open", "half_open".
std::string to_string(const CircuitBreaker::State& state);

}  // namespace mlxserving::scheduler
