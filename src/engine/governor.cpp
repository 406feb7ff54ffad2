#include "engine/governor.h"

#include <fmt/format.h>

#include <algorithm>

namespace mlxserving::engine {
namespace {

scheduler::SizingLimits sizing_limits(const scheduler::Limits& limits, double target_ms) {
  scheduler::SizingLimits out;
  out.target_ms = target_ms;
  out.largest = {.rows_max = limits.rows_max, .running_max = limits.running_max};
  out.smallest.rows_max = std::min(out.smallest.rows_max, limits.rows_max);
  out.smallest.running_max = std::min(out.smallest.running_max, limits.running_max);
  return out;
}

}  // namespace

Governor::Governor(const scheduler::Limits& limits, double latency_target_ms)
    : normal_(limits), target_ms_(latency_target_ms), sizing_(sizing_limits(limits, latency_target_ms)) {}

double Governor::now_ms() const { return std::chrono::duration<double, std::milli>(Clock::now() - begin_).count(); }

void Governor::step_succeeded(double step_ms, bool decoded) {
  breaker_.succeed();
  if (decoded) sizing_.add_step(step_ms);
}

void Governor::step_failed() { breaker_.fail(now_ms()); }

bool Governor::may_step() {
  breaker_.tick(now_ms());
  return breaker_.may_step();
}

Governor::Clock::time_point Governor::refuses_until() const {
  if (breaker_.may_step()) return {};
  return begin_ + std::chrono::duration_cast<Clock::duration>(
                      std::chrono::duration<double, std::milli>(breaker_.open_until_ms()));
}

scheduler::Limits Governor::limits() const {
  scheduler::Limits limits = normal_;
  const scheduler::BatchSize size = sizing_.size();
  limits.rows_max = size.rows_max;
  limits.running_max = breaker_.running_max(size.running_max);
  // Half of the rows: a chunk finds room beside as many decode rows as may run.
  while (limits.chunk_tokens > 1 && 2 * limits.chunk_tokens > limits.rows_max) limits.chunk_tokens /= 2;
  return limits;
}

void Governor::describe(Report& report) const {
  report.metrics.circuit_state = to_string(breaker_.state());
  report.metrics.state_transitions = breaker_.transitions() + sizing_.transitions();
  report.metrics.invalid_transitions = breaker_.invalid_transitions();
  report.trouble.clear();
  if (!breaker_.is_closed()) {
    report.trouble = fmt::format("the circuit is {} after steps that failed, the last with: {}",
                                 report.metrics.circuit_state, report.failure);
  } else if (sizing_.is_degraded()) {
    const scheduler::BatchSize size = sizing_.size();
    report.trouble =
        fmt::format("steps took longer than the target of {} ms; now at most {} rows and {} requests at once{}",
                    target_ms_, size.rows_max, size.running_max, sizing_.is_beyond_reach() ? ", and still do" : "");
  }
}

}  // namespace mlxserving::engine
