#include "scheduler/batch_sizing.h"

#include <algorithm>

#include "scheduler/overloaded.h"

namespace mlxserving::scheduler {

BatchSizing::BatchSizing(const SizingLimits& limits) : limits_(limits) {
  while (size_at(level_max_) != limits_.smallest && level_max_ < 30) ++level_max_;
}

BatchSize BatchSizing::size_at(int level) const {
  return {.rows_max = std::max(limits_.largest.rows_max >> level, limits_.smallest.rows_max),
          .running_max = std::max(limits_.largest.running_max >> level, limits_.smallest.running_max)};
}

int BatchSizing::level() const {
  return std::visit(Overloaded{
                        [](const Full&) { return 0; },
                        [](const Reduced& reduced) { return reduced.level; },
                        [](const Probing& probing) { return probing.level; },
                    },
                    state_);
}

void BatchSizing::add_step(double step_ms) {
  if (limits_.target_ms <= 0) return;
  ++steps_;
  late_ += step_ms > limits_.target_ms ? 1 : 0;
  calm_ += step_ms <= limits_.spare_share * limits_.target_ms ? 1 : 0;
  // Enough late steps decide a window before it is full.
  const bool is_late = late_ > limits_.late_share * limits_.window_steps;
  if (!is_late && steps_ < limits_.window_steps) return;
  last_late_ = is_late;
  const Window window = is_late ? Window::late : (calm_ == steps_ ? Window::calm : Window::fair);
  steps_ = late_ = calm_ = 0;
  judge(window);
}

void BatchSizing::judge(Window window) {
  const int first_wait = limits_.windows_before_growth;
  std::visit(Overloaded{
                 [&](Full&) {
                   if (window == Window::late && level_max_ > 0) go(Reduced{1, 0, first_wait});
                 },
                 [&](Reduced& reduced) {
                   if (window == Window::late) {
                     reduced.calm = 0;
                     if (reduced.level < level_max_) go(Reduced{reduced.level + 1, 0, reduced.calm_needed});
                     return;
                   }
                   reduced.calm = window == Window::calm ? reduced.calm + 1 : 0;
                   if (reduced.calm >= reduced.calm_needed) go(Probing{reduced.level - 1, reduced.calm_needed});
                 },
                 [&](Probing& probing) {
                   if (window == Window::late) {
                     const int rarer = std::min(2 * probing.calm_needed, limits_.windows_before_growth_max);
                     return go(Reduced{probing.level + 1, 0, rarer});
                   }
                   if (probing.level == 0) return go(Full{});
                   go(Reduced{probing.level, 0, first_wait});
                 },
             },
             state_);
}

void BatchSizing::go(State state) {
  state_ = state;
  ++transitions_;
}

std::string to_string(const BatchSizing::State& state) {
  const auto share = [](int level) { return "1/" + std::to_string(int64_t{1} << level); };
  return std::visit(Overloaded{
                        [](const BatchSizing::Full&) { return std::string("full"); },
                        [&](const BatchSizing::Reduced& reduced) { return "reduced to " + share(reduced.level); },
                        [&](const BatchSizing::Probing& probing) { return "probing " + share(probing.level); },
                    },
                    state);
}

}  // namespace mlxserving::scheduler
