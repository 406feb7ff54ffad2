// A progress bar for long work: redrawn in place on a terminal, a line a stage elsewhere.
#pragma once

#include <chrono>
#include <string>

namespace mlxserving {

// Writes to stderr, from one thread at a time; removes its line when it ends, so that what follows starts clean.
class Progress {
 public:
  // `quiet` shows nothing.
  explicit Progress(std::string title, bool quiet = false);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `fraction` in [0, 1]; `stage` says what is being done. Redraws at most every 50 ms, so it may be called often.
  void show(double fraction, const std::string& stage = "");

 private:
  void draw(double fraction, const std::string& stage);

  std::string title_;
  bool quiet_;
  bool terminal_;
  bool drawn_ = false;
  std::string stage_;
  std::chrono::steady_clock::time_point last_draw_;
};

}  // namespace mlxserving
