#include "kernels/thread_pool.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "core/check.h"
#include "core/machine.h"

namespace mlxserving::kernels {
namespace {

// A decode step forks every few microseconds: spinning covers the pauses between ops, not those between steps.
constexpr std::chrono::microseconds kSpin{60};
constexpr int kPausesBetweenLooks = 32;

void pause_a_little() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Spins until `ready` or the time is over; says which.
template <typename Ready>
bool spin_until(Ready ready) {
  const auto deadline = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < kPausesBetweenLooks; ++i) {
      if (ready()) return true;
      pause_a_little();
    }
  } while (std::chrono::steady_clock::now() < deadline);
  return false;
}

uint32_t generation_of(uint64_t run) { return static_cast<uint32_t>(run >> 32U); }
uint32_t next_of(uint64_t run) { return static_cast<uint32_t>(run >> 16U & 0xFFFFU); }
uint32_t count_of(uint64_t run) { return static_cast<uint32_t>(run & 0xFFFFU); }

int affinity_count() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  return static_cast<int>(std::thread::hardware_concurrency());
}
}  // namespace

int default_thread_count(const std::string& cgroup_root) {
  int count = affinity_count();
  if (const auto quota = cpu_quota(cgroup_root)) count = std::min(count, static_cast<int>(std::ceil(*quota)));
  return std::clamp(count, 1, kThreadsMax);
}

ThreadPool::ThreadPool(int threads) {
  check(threads >= 1 && threads <= kThreadsMax, "threads in [1, 64]");
  for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
}

ThreadPool::~ThreadPool() {
  stop_.store(true);
  wake_sleepers();
  for (auto& worker : workers_) worker.join();
}

void ThreadPool::run_erased(int count, Call call, const void* task) {
  check(count <= kTasksMax, "tasks of a run");
  call_ = call;
  task_ = task;
  done_.store(0, std::memory_order_relaxed);
  const uint64_t generation = uint64_t{generation_of(run_.load(std::memory_order_relaxed))} + 1;
  const uint64_t run = generation << 32U | static_cast<uint64_t>(count);
  run_.store(run);  // sequentially consistent, as a sleeper's announcement is: one of the two sees the other
  if (sleepers_.load() > 0) wake_sleepers();
  work_until_empty(run, 0);
  const auto finished = [&] { return done_.load(std::memory_order_acquire) == static_cast<uint32_t>(count); };
  while (!spin_until(finished)) std::this_thread::yield();
}

// Claims and runs tasks of the run that `seen` belongs to, until none is left. While ours are not counted the run
// cannot end, so they are counted once, after the last.
void ThreadPool::work_until_empty(uint64_t seen, int thread) {
  const uint32_t generation = generation_of(seen);
  uint32_t finished = 0;
  while (generation_of(seen) == generation && next_of(seen) < count_of(seen)) {
    if (!run_.compare_exchange_weak(seen, seen + (1U << 16U), std::memory_order_acq_rel, std::memory_order_acquire)) {
      continue;
    }
    call_(task_, static_cast<int>(next_of(seen)), thread);
    ++finished;
    seen = run_.load(std::memory_order_acquire);
  }
  if (finished > 0) done_.fetch_add(finished, std::memory_order_release);
}

void ThreadPool::work(int thread) {
  const FlushTinyResults flush;
  uint64_t seen = 0;
  while (!stop_.load(std::memory_order_relaxed)) {
    seen = wait_for_run(seen);
    work_until_empty(seen, thread);
  }
}

// A run with another generation than `seen`, or anything once the pool stops.
uint64_t ThreadPool::wait_for_run(uint64_t seen) {
  uint64_t run = seen;
  const auto changed = [&] {
    run = run_.load(std::memory_order_acquire);
    return generation_of(run) != generation_of(seen) || stop_.load(std::memory_order_relaxed);
  };
  while (!spin_until(changed)) {
    const uint32_t wake = wake_.load();
    sleepers_.fetch_add(1);
    const bool late = generation_of(run_.load()) == generation_of(seen) && !stop_.load();
    if (late) wake_.wait(wake);
    sleepers_.fetch_sub(1);
  }
  return run;
}

void ThreadPool::wake_sleepers() {
  wake_.fetch_add(1);
  wake_.notify_all();
}

}  // namespace mlxserving::kernels
