// The threads that kernels run on. Work is a number of equal tasks. Each thread has a share of neighbouring ones, so
// that it reads weights as one stream and claims without waiting for another core's cache; whoever is done with its own
// takes from the ends of the others', so a thread that the system keeps off its core delays nobody but the task it
// holds.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace mlxserving::kernels {

constexpr int kThreadsMax = 64;
constexpr int kTasksMax = 0xFFFF;  // of one run

// Cores this process may use: its affinity mask, lowered to the quota of its cgroup (v2 cpu.max, v1 cpu.cfs_*) found
// below `cgroup_root`, rounded up; in [1, kThreadsMax].
int default_thread_count(const std::string& cgroup_root = "/sys/fs/cgroup");

// While it lives, results of this thread smaller than 2^-126 become zero: on x86 each would cost a hundred cycles and
// more, and scales of weights and activations multiply to such. What is read keeps its value, so conversions stay
// exact. Arm computes them at full speed.
class FlushTinyResults {
 public:
#if defined(__x86_64__)
  FlushTinyResults() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | _MM_FLUSH_ZERO_ON); }
  ~FlushTinyResults() { _mm_setcsr(saved_); }
#else
  FlushTinyResults() = default;
  ~FlushTinyResults() {}  // NOLINT(modernize-use-equals-default): not trivial, as on x86
#endif
  FlushTinyResults(const FlushTinyResults&) = delete;
  FlushTinyResults& operator=(const FlushTinyResults&) = delete;

 private:
#if defined(__x86_64__)
  unsigned saved_;
#endif
};

// One caller at a time; the caller works too, so `threads` 1 starts none. Workers spin a while for the next run, then
// sleep in the kernel.
class ThreadPool {
 public:
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls task(index, thread) once for each index in [0, count), count <= kTasksMax, thread in [0, threads());
  // returns when all are done. What the tasks wrote is visible to the caller. The task must not throw. Tasks run with
  // FlushTinyResults, on whatever thread.
  template <typename Task>
  void run(int count, const Task& task) {
    const FlushTinyResults flush;
    if (count <= 1 || workers_.empty()) {
      for (int i = 0; i < count; ++i) task(i, 0);
      return;
    }
    run_erased(
        count, [](const void* t, int index, int thread) { (*static_cast<const Task*>(t))(index, thread); }, &task);
  }

 private:
  using Call = void (*)(const void* task, int index, int thread);

  void run_erased(int count, Call call, const void* task);
  void work(size_t thread);
  void work_until_empty(uint32_t generation, size_t thread);
  uint32_t wait_for_run(uint32_t seen);
  void wake_sleepers();

  // [generation : 32][next : 16][end : 16]: the tasks left to a thread. Claiming is one compare-and-swap: it fails for
  // who looks at an older run, so whoever claimed may read call_ and task_.
  struct alignas(64) Share {
    std::atomic<uint64_t> left{0};
  };
  std::vector<Share> shares_;                        // [thread]
  alignas(64) std::atomic<uint32_t> generation_{0};  // of the current run
  Call call_ = nullptr;
  const void* task_ = nullptr;
  alignas(64) std::atomic<uint32_t> done_{0};
  alignas(64) std::atomic<uint32_t> sleepers_{0};
  std::atomic<uint32_t> wake_{0};  // what sleepers wait on
  std::atomic<bool> stop_{false};
  std::vector<std::thread> workers_;
};

}  // namespace mlxserving::kernels
