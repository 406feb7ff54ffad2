#include "engine/guide_workers.h"

#include <utility>

namespace mlxserving::engine {

GuideWorkers::GuideWorkers(std::shared_ptr<Doorbell> bell) : bell_(std::move(bell)) {}

GuideWorkers::~GuideWorkers() {
  {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
  }
  ready_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void GuideWorkers::submit(const void* grammar, Job job) {
  const std::lock_guard lock(mutex_);
  while (threads_.size() < kThreads) threads_.emplace_back([this] { run(); });
  Line& line = lines_[grammar];
  line.jobs.push_back(std::move(job));
  if (std::exchange(line.is_served, true)) return;
  turns_.push_back(grammar);
  ready_.notify_one();
}

void GuideWorkers::wait(const std::function<bool()>& is_done, Clock::time_point until) {
  std::unique_lock lock(mutex_);
  done_.wait_until(lock, until, is_done);
}

void GuideWorkers::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    ready_.wait(lock, [&] { return is_closed_ || !turns_.empty(); });
    if (is_closed_) return;
    const void* grammar = turns_.front();
    turns_.pop_front();
    Line& line = lines_[grammar];
    {
      const Job job = std::move(line.jobs.front());
      line.jobs.pop_front();
      lock.unlock();
      job();
    }  // what it held goes while nobody waits for the lock
    lock.lock();
    done_.notify_all();
    bell_->ring();
    if (line.jobs.empty()) {
      lines_.erase(grammar);
    } else {
      turns_.push_back(grammar);
      ready_.notify_one();
    }
  }
}

}  // namespace mlxserving::engine
