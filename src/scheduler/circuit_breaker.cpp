#include "scheduler/circuit_breaker.h"

#include <algorithm>

#include "scheduler/overloaded.h"

namespace mlxserving::scheduler {

void CircuitBreaker::go(State state) {
  state_ = state;
  ++transitions_;
}

void CircuitBreaker::succeed() {
  std::visit(Overloaded{
                 [&](Closed& closed) { closed.failures = 0; },
                 [&](Open&) { ++invalid_transitions_; },
                 [&](HalfOpen& half_open) {
                   if (++half_open.successes >= limits_.probes) go(Closed{});
                 },
             },
             state_);
}

void CircuitBreaker::fail(double now_ms) {
  std::visit(Overloaded{
                 [&](Closed& closed) {
                   if (++closed.failures < limits_.failures_max) return;
                   go(Open{.until_ms = now_ms + limits_.open_ms_min, .open_ms = limits_.open_ms_min});
                 },
                 [&](Open&) { ++invalid_transitions_; },
                 [&](HalfOpen& half_open) {
                   const double open_ms = std::min(2 * half_open.open_ms, limits_.open_ms_max);
                   go(Open{.until_ms = now_ms + open_ms, .open_ms = open_ms});
                 },
             },
             state_);
}

void CircuitBreaker::tick(double now_ms) {
  std::visit(Overloaded{
                 [](Closed&) {},
                 [&](Open& open) {
                   if (now_ms >= open.until_ms) go(HalfOpen{.successes = 0, .open_ms = open.open_ms});
                 },
                 [](HalfOpen&) {},
             },
             state_);
}

double CircuitBreaker::open_until_ms() const {
  const auto* open = std::get_if<Open>(&state_);
  return open == nullptr ? 0 : open->until_ms;
}

std::string to_string(const CircuitBreaker::State& state) {
  return std::visit(Overloaded{
                        [](const CircuitBreaker::Closed&) { return "closed"; },
                        [](const CircuitBreaker::Open&) { return "open"; },
                        [](const CircuitBreaker::HalfOpen&) { return "half_open"; },
                    },
                    state);
}

}  // namespace mlxserving::scheduler
