#include "kernels/machine_limits.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <thread>

#include "kernels/aligned_buffer.h"
#include "kernels/machine_loops.h"

namespace mlxserving::kernels {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kBytesPerThread = size_t{256} << 20U;
constexpr int kPasses = 6;
constexpr int kStreams[] = {1, 2, 4};
constexpr double kPeakSeconds = 0.05;  // of one pass: long enough that starting together does not matter

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// Runs work(thread, pass) on all threads together, the caller's among them, pass by pass; gives the seconds of each
// pass, from the first thread's begin to the last one's end.
std::vector<double> time_together(int threads, int passes, const std::function<void(int thread, int pass)>& work) {
  struct Span {
    Clock::time_point begin;
    Clock::time_point end;
  };
  std::vector<std::vector<Span>> spans(static_cast<size_t>(threads), std::vector<Span>(static_cast<size_t>(passes)));
  std::barrier together(threads);
  const auto run = [&](int thread) {
    for (int pass = 0; pass < passes; ++pass) {
      together.arrive_and_wait();
      Span& span = spans[static_cast<size_t>(thread)][static_cast<size_t>(pass)];
      span.begin = Clock::now();
      work(thread, pass);
      span.end = Clock::now();
    }
  };
  {
    std::vector<std::jthread> others;
    for (int t = 1; t < threads; ++t) others.emplace_back(run, t);
    run(0);
  }
  std::vector<double> seconds;
  for (size_t pass = 0; pass < static_cast<size_t>(passes); ++pass) {
    Span all = spans[0][pass];
    for (const auto& thread : spans) {
      all = {std::min(all.begin, thread[pass].begin), std::max(all.end, thread[pass].end)};
    }
    seconds.push_back(std::chrono::duration<double>(all.end - all.begin).count());
  }
  return seconds;
}

// The fastest of several passes of `loop`, which tells how many operations a call makes.
double peak(int threads, const MultiplyLoop& loop) {
  std::mt19937_64 random(1);
  alignas(64) std::array<uint64_t, kLoopOperandBytes / 8> operands;
  for (auto& word : operands) word = loop.mask == 0 ? random() : (random() & loop.mask) | loop.set;
  int64_t calls = 1;
  const auto run = [&](int, int) {
    for (int64_t i = 0; i < calls; ++i) loop.run(reinterpret_cast<const uint8_t*>(operands.data()));
  };
  run(0, 0);
  const auto begin = Clock::now();
  run(0, 0);
  calls = std::max<int64_t>(1, static_cast<int64_t>(kPeakSeconds / seconds_since(begin)));
  const auto seconds = time_together(threads, kPasses, run);
  return loop.operations * static_cast<double>(calls) * threads / *std::min_element(seconds.begin(), seconds.end());
}

}  // namespace

ReadBandwidth read_bandwidth(int threads) {
  constexpr int kCounts = static_cast<int>(std::size(kStreams));
  std::vector<std::unique_ptr<HugePages>> memory(static_cast<size_t>(threads));
  std::atomic<uint64_t> sink = 0;
  // The first pass touches the pages; then the numbers of streams take turns.
  const auto seconds = time_together(threads, 1 + kCounts * kPasses, [&](int thread, int pass) {
    auto& mine = memory[static_cast<size_t>(thread)];
    if (pass == 0) {
      mine = std::make_unique<HugePages>(kBytesPerThread);
      std::memset(mine->data(), 1, kBytesPerThread);
    } else {
      sink += read_streams(mine->data(), kBytesPerThread, kStreams[pass % kCounts]);
    }
  });
  ReadBandwidth best;
  for (size_t pass = 1; pass < seconds.size(); ++pass) {
    const double rate = static_cast<double>(kBytesPerThread) * threads / seconds[pass];
    if (rate > best.bytes_per_second) best = {rate, kStreams[pass % kCounts]};
  }
  return best;
}

std::vector<MultiplyPeak> multiply_peaks(int threads) {
  std::vector<MultiplyPeak> peaks;
  for (const MultiplyLoop& loop : multiply_loops()) {
    if (loop.runs_here()) peaks.push_back({loop.unit, peak(threads, loop)});
  }
  return peaks;
}

double fork_join_seconds() {
  constexpr double kSecondsMax = 0.1;  // a core that is not ours answers once a time slice
  constexpr uint32_t kForks = 200;     // of a round
  std::atomic<uint32_t> fork{0};
  alignas(64) std::atomic<uint32_t> join{0};
  std::jthread worker([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      for (uint32_t i = 0; i < kForks; ++i) join.store(fork.load(std::memory_order_acquire), std::memory_order_release);
    }
  });
  std::vector<double> seconds;
  uint32_t forked = 0;
  for (const auto start = Clock::now(); seconds_since(start) < kSecondsMax;) {
    const auto begin = Clock::now();
    for (uint32_t i = 0; i < kForks; ++i) {
      fork.store(++forked, std::memory_order_release);
      while (join.load(std::memory_order_acquire) != forked) continue;
    }
    seconds.push_back(seconds_since(begin) / kForks);
  }
  const auto middle = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
  std::nth_element(seconds.begin(), middle, seconds.end());
  return *middle;
}

}  // namespace mlxserving::kernels
