// What a loop tells of itself, and the board on which others read it without making it wait.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>

#include "mlxserving/metrics.h"

namespace mlxserving::engine {

// The engine thread's own; copies travel.
struct Report {
  Metrics metrics;
  std::string trouble;  // why it takes requests but is not well; empty: it is
  std::optional<std::chrono::steady_clock::time_point> failed_at;
  std::string failure;  // what failed then
};

// Counters at zero, histograms with their bounds.
Report make_report();

class ReportBoard {
 public:
  // The writer never waits: false when a reader is copying just now, then try again soon.
  bool publish(const Report& report) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return false;
    report_ = report;
    return true;
  }
  // Any thread.
  Report read() const {
    const std::lock_guard lock(mutex_);
    return report_;
  }

 private:
  mutable std::mutex mutex_;
  Report report_ = make_report();
};

}  // namespace mlxserving::engine
