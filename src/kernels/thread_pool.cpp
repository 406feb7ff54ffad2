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

constexpr uint64_t kOneNext = uint64_t{1} << 16U;
uint32_t generation_of(uint64_t share) { return static_cast<uint32_t>(share >> 32U); }
uint32_t next_of(uint64_t share) { return static_cast<uint32_t>(share >> 16U & 0xFFFFU); }
uint32_t end_of(uint64_t share) { return static_cast<uint32_t>(share & 0xFFFFU); }

enum class Side : uint8_t { first, last };

// Claims a task of a share; -1: it is empty, or of another run.
int claim(std::atomic<uint64_t>& share, uint32_t generation, Side side) {
  uint64_t left = share.load(std::memory_order_acquire);
  while (generation_of(left) == generation && next_of(left) < end_of(left)) {
    const uint64_t rest = side == Side::first ? left + kOneNext : left - 1;
    if (share.compare_exchange_weak(left, rest, std::memory_order_acq_rel, std::memory_order_acquire)) {
      return static_cast<int>(side == Side::first ? next_of(left) : end_of(left) - 1);
    }
  }
  return -1;
}

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

ThreadPool::ThreadPool(int threads) : shares_(static_cast<size_t>(std::max(threads, 0))) {
  check(threads >= 1 && threads <= kThreadsMax, "threads in [1, 64]");
  for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(static_cast<size_t>(i)); });
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
  const uint32_t generation = generation_.load(std::memory_order_relaxed) + 1;
  const auto cut = [&](size_t thread) { return uint64_t{static_cast<uint32_t>(count)} * thread / shares_.size(); };
  for (size_t thread = 0; thread < shares_.size(); ++thread) {
    const uint64_t share = uint64_t{generation} << 32U | cut(thread) << 16U | cut(thread + 1);
    shares_[thread].left.store(share, std::memory_order_release);
  }
  // Sequentially consistent, as a sleeper's announcement is: one of the two sees the other.
  generation_.store(generation);
  if (sleepers_.load() > 0) wake_sleepers();
  work_until_empty(generation, 0);
  const auto finished = [&] { return done_.load(std::memory_order_acquire) == static_cast<uint32_t>(count); };
  while (!spin_until(finished)) std::this_thread::yield();
}

// Claims and runs tasks of the run, its own share first, until none is left. While ours are not counted the run cannot
// end, so they are counted once, after the last.
void ThreadPool::work_until_empty(uint32_t generation, size_t thread) {
  uint32_t finished = 0;
  for (size_t i = 0; i < shares_.size(); ++i) {
    auto& share = shares_[(thread + i) % shares_.size()].left;
    const Side side = i == 0 ? Side::first : Side::last;
    for (int task = claim(share, generation, side); task >= 0; task = claim(share, generation, side)) {
      call_(task_, task, static_cast<int>(thread));
      ++finished;
    }
  }
  if (finished > 0) done_.fetch_add(finished, std::memory_order_release);
}

void ThreadPool::work(size_t thread) {
  const FlushTinyResults flush;
  uint32_t seen = 0;
  while (!stop_.load(std::memory_order_relaxed)) {
    seen = wait_for_run(seen);
    work_until_empty(seen, thread);
  }
}

// Another generation than `seen`, or anything once the pool stops.
uint32_t ThreadPool::wait_for_run(uint32_t seen) {
  uint32_t generation = seen;
  const auto changed = [&] {
    generation = generation_.load(std::memory_order_acquire);
    return generation != seen || stop_.load(std::memory_order_relaxed);
  };
  while (!spin_until(changed)) {
    const uint32_t wake = wake_.load();
    sleepers_.fetch_add(1);
    const bool late = generation_.load() == seen && !stop_.load();
    if (late) wake_.wait(wake);
    sleepers_.fetch_sub(1);
  }
  return generation;
}

void ThreadPool::wake_sleepers() {
  wake_.fetch_add(1);
  wake_.notify_all();
}

}  // namespace mlxserving::kernels
