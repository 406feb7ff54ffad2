// How much a step may hold so that running answers keep a latency target: rows (which bounds prompt chunks) and
// sequences at once.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

namespace mlxserving::scheduler {

struct BatchSize {
  int32_t rows_max = 0;
  int32_t running_max = 0;
  bool operator==(const BatchSize&) const = default;
};

struct SizingLimits {
  double target_ms = 0;  // of a step in which answers wait for their next token; 0: no target, always the largest size
  BatchSize largest = {.rows_max = 512, .running_max = 64};
  BatchSize smallest = {.rows_max = 32, .running_max = 4};
  int window_steps = 16;          // judged together
  double late_share = 0.1;        // of a window's steps above target, from which the size shrinks
  double spare_share = 0.7;       // of the target, below which every step of a window must lie before it grows
  int windows_before_growth = 4;  // doubles when growth fails, at most to `windows_before_growth_max`
  int windows_before_growth_max = 64;
};

// Halves when late, doubles after calm, tries rarer what failed before: the idea of TCP's congestion control (Jacobson,
// 1988), with both ways by factors because step times follow rows.
class BatchSizing {
 public:
  struct Full {};
  struct Reduced {
    int level = 0;        // halvings
    int calm = 0;         // windows in a row with time to spare
    int calm_needed = 0;  // before the next growth
  };
  struct Probing {
    int level = 0;  // tried, one above what held
    int calm_needed = 0;
  };
  using State = std::variant<Full, Reduced, Probing>;

  explicit BatchSizing(const SizingLimits& limits = {});

  // A step that held at least one decode row ended.
  void add_step(double step_ms);

  BatchSize size() const { return size_at(level()); }
  bool is_degraded() const { return !std::holds_alternative<Full>(state_); }
  // At the smallest size and still late: the target cannot be kept.
  bool is_beyond_reach() const { return level() == level_max_ && last_late_; }

  const State& state() const { return state_; }
  uint64_t transitions() const { return transitions_; }

 private:
  enum class Window : uint8_t { late, fair, calm };

  int level() const;
  BatchSize size_at(int level) const;
  void judge(Window window);
  void go(State state);

  SizingLimits limits_;
  int level_max_ = 0;
  State state_ = Full{};
  int steps_ = 0;  // of the window
  int late_ = 0;
  int calm_ = 0;
  bool last_late_ = false;
  uint64_t transitions_ = 0;
};

// "full", "reduced to 1/4", "probing 1/2".
std::string to_string(const BatchSizing::State& state);

}  // namespace mlxserving::scheduler
