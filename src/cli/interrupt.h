// Ctrl-C that ends the work, not the program in the middle of a write.
#pragma once

#include <functional>
#include <mutex>
#include <thread>

namespace mlxserving::cli {

// While it lives, SIGINT and SIGTERM are taken by a thread of its own, which calls the current action; a second signal
// before the action was replaced ends the process with exit code 130. Make it before any other thread starts: threads
// inherit the blocked signals.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // What a signal does from now on, on the watching thread; empty: end the process. Forgets earlier signals.
  void on_signal(std::function<void()> action);

  bool was_raised() const;

 private:
  void watch();

  mutable std::mutex mutex_;
  std::function<void()> action_;
  bool raised_ = false;
  bool stopping_ = false;
  std::thread watcher_;
};

}  // namespace mlxserving::cli
