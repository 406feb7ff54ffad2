#include "kernels/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <thread>
#include <vector>

#include "core/check.h"

namespace mlxserving::kernels {
namespace {

TEST(ThreadPool, runs_every_task_once) {
  for (const int threads : {1, 2, 5, 64}) {
    ThreadPool pool(threads);
    for (const int count : {0, 1, 2, 3, 100, 1000}) {
      std::vector<std::atomic<int>> runs(static_cast<size_t>(count));
      pool.run(count, [&](int index, int thread) {
        ASSERT_LT(thread, threads);
        runs[static_cast<size_t>(index)].fetch_add(1);
      });
      for (auto& r : runs) ASSERT_EQ(r.load(), 1) << threads << " threads, " << count << " tasks";
    }
  }
}

TEST(ThreadPool, hands_over_what_tasks_wrote_without_further_locks) {
  ThreadPool pool(4);
  std::vector<int> values(257);
  for (int round = 1; round <= 3000; ++round) {
    pool.run(257, [&](int index, int) { values[static_cast<size_t>(index)] += index; });
    ASSERT_EQ(values[256], 256 * round);
  }
  EXPECT_EQ(std::accumulate(values.begin(), values.end(), 0), 3000 * 256 * 257 / 2);
}

TEST(ThreadPool, wakes_threads_that_fell_asleep) {
  ThreadPool pool(3);
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    std::atomic<int> sum = 0;
    pool.run(50, [&](int index, int) { sum += index; });
    EXPECT_EQ(sum, 1225);
  }
}

TEST(ThreadPool, a_late_thread_delays_only_the_task_it_holds) {
  ThreadPool pool(2);
  std::atomic<bool> is_held = false;
  std::atomic<int> finished = 0;
  pool.run(64, [&](int, int thread) {
    if (thread == 1 && !is_held.exchange(true)) {
      while (finished.load() < 63) std::this_thread::yield();
    }
    while (!is_held.load()) std::this_thread::yield();
    ++finished;
  });
  EXPECT_EQ(finished.load(), 64);
}

TEST(ThreadPool, more_threads_than_cores_only_cost_time) {
  ThreadPool pool(16);
  std::atomic<int64_t> sum = 0;
  for (int round = 0; round < 200; ++round) {
    pool.run(20, [&](int index, int) { sum += index; });
  }
  EXPECT_EQ(sum, 200 * 190);
}

#if defined(__x86_64__)
// Else a step would depend on which thread ran it, and take five times as long where scales are small.
TEST(ThreadPool, tiny_results_are_zero_in_every_task_and_the_callers_mode_comes_back) {
  volatile float small = 1e-20F;
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    std::atomic<int> kept = 0;
    pool.run(64, [&](int, int) { kept += small * small != 0.0F ? 1 : 0; });
    EXPECT_EQ(kept, 0) << threads;
    EXPECT_NE(small * small, 0.0F);
  }
}
#endif

TEST(ThreadPool, sizes_outside_one_to_64_are_refused) {
  EXPECT_THROW(ThreadPool(0), BrokenInvariant);
  EXPECT_THROW(ThreadPool(65), BrokenInvariant);
}

class CgroupQuota : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(root_ + "/cpu"); }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void write(const std::string& file, const std::string& text) { std::ofstream(root_ + "/" + file) << text; }

  std::string root_ = ::testing::TempDir() + "mlxs_cgroup_" + std::to_string(reinterpret_cast<uintptr_t>(this));
};

TEST_F(CgroupQuota, lowers_the_default_in_both_versions) {
  write("cpu.max", "50000 100000\n");
  EXPECT_EQ(default_thread_count(root_), 1);
  std::filesystem::remove(root_ + "/cpu.max");
  write("cpu/cpu.cfs_quota_us", "100000\n");
  write("cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(default_thread_count(root_), 1);
}

TEST_F(CgroupQuota, no_limit_means_all_cores) {
  const int all = default_thread_count(root_);
  EXPECT_GE(all, 1);
  write("cpu.max", "max 100000\n");
  EXPECT_EQ(default_thread_count(root_), all);
  std::filesystem::remove(root_ + "/cpu.max");
  write("cpu/cpu.cfs_quota_us", "-1\n");
  write("cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(default_thread_count(root_), all);
}

}  // namespace
}  // namespace mlxserving::kernels
