// The threads that work out masks, so that no step waits for a grammar.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/doorbell.h"

namespace mlxserving::engine {

// Jobs of one grammar follow each other, for its matchers share what they find; those of different grammars run side by
// side. A grammar that is slow has one thread at a time.
class GuideWorkers {
 public:
  using Clock = std::chrono::steady_clock;
  using Job = std::function<void()>;

  // `bell` is rung after each job.
  explicit GuideWorkers(std::shared_ptr<Doorbell> bell);
  // Jobs that have not begun are dropped.
  ~GuideWorkers();
  GuideWorkers(const GuideWorkers&) = delete;
  GuideWorkers& operator=(const GuideWorkers&) = delete;

  // `grammar` only tells grammars apart. The job does not throw.
  void submit(const void* grammar, Job job);
  // Returns when `is_done`, which is asked after each job, or at `until`.
  void wait(const std::function<bool()>& is_done, Clock::time_point until);

 private:
  static constexpr int kThreads = 4;  // three slow grammars hold up no fourth

  struct Line {
    std::deque<Job> jobs;
    bool is_served = false;
  };

  void run();

  const std::shared_ptr<Doorbell> bell_;  // shared: the engine thread's own
  std::mutex mutex_;
  std::condition_variable ready_, done_;
  std::map<const void*, Line> lines_;
  std::deque<const void*> turns_;  // lines with jobs that nobody serves
  bool is_closed_ = false;
  std::vector<std::thread> threads_;  // started with the first job
};

}  // namespace mlxserving::engine
