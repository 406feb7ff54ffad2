// What commands that work for a while share: Ctrl-C, a progress bar, and figures in words.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>

#include "cli/interrupt.h"
#include "core/progress.h"
#include "hub/convert.h"

namespace mlxserving::cli {

// Shows work on a terminal's standard error and ends it on Ctrl-C. Observers from it borrow it.
class LongCommand {
 public:
  LongCommand(std::string label, bool quiet) : label_(std::move(label)), quiet_(quiet) {
    interrupt_.on_signal([] {});  // read between steps
  }

  hub::WorkObserver observer() {
    return {.begin =
                [this](uint64_t bytes) {
                  total_ = bytes;
                  progress_.emplace(label_, quiet_);
                  progress_->show(0);
                },
            .advance =
                [this](uint64_t bytes) {
                  done_ += bytes;
                  progress_->show(static_cast<double>(done_) / static_cast<double>(total_));
                  if (!interrupt_.was_raised()) return Result<void>{};
                  return Result<void>(Error{ErrorCode::cancelled, "interrupted", ""});
                }};
  }

  // Removes the bar, so that what follows stands on its own line.
  void finish() { progress_.reset(); }

 private:
  std::string label_;
  bool quiet_;
  uint64_t total_ = 0;
  uint64_t done_ = 0;
  Interrupt interrupt_;
  std::optional<Progress> progress_;
};

// "134.5 M", "98.4 MB".
inline std::string in_words(uint64_t count, const char* unit) {
  const auto value = static_cast<double>(count);
  if (value >= 1e9) return fmt::format("{:.2f} G{}", value / 1e9, unit);
  if (value >= 1e6) return fmt::format("{:.1f} M{}", value / 1e6, unit);
  if (value >= 1e3) return fmt::format("{:.1f} k{}", value / 1e3, unit);
  return fmt::format("{}{}{}", count, *unit == '\0' ? "" : " ", unit);
}

}  // namespace mlxserving::cli
