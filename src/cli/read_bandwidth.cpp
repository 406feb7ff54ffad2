#include "cli/read_bandwidth.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

namespace mlxserving::cli {
namespace {

constexpr size_t kBytesPerThread = size_t{256} << 20;
constexpr int kPasses = 5;

// Anonymous memory in 2 MiB pages where the kernel gives them, touched.
class Buffer {
 public:
  Buffer() : data_(::mmap(nullptr, kBytesPerThread, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    if (data_ == MAP_FAILED) {
      data_ = nullptr;
      return;
    }
#ifdef MADV_HUGEPAGE
    ::madvise(data_, kBytesPerThread, MADV_HUGEPAGE);
#endif
    std::memset(data_, 1, kBytesPerThread);
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() {
    if (data_ != nullptr) ::munmap(data_, kBytesPerThread);
  }
  const uint64_t* words() const { return static_cast<const uint64_t*>(data_); }

 private:
  void* data_;
};

// Four streams at once, as wide as the compiler makes it; the sum keeps the loads alive.
uint64_t read_all(const uint64_t* words) {
  constexpr size_t kStream = kBytesPerThread / sizeof(uint64_t) / 4;
  uint64_t sums[32] = {};
  for (size_t i = 0; i < kStream; i += 8) {
    for (size_t stream = 0; stream < 4; ++stream) {
      for (size_t k = 0; k < 8; ++k) sums[stream * 8 + k] += words[stream * kStream + i + k];
    }
  }
  uint64_t sum = 0;
  for (const uint64_t s : sums) sum += s;
  return sum;
}

}  // namespace

double read_bandwidth(int threads) {
  using Clock = std::chrono::steady_clock;
  std::barrier together(threads + 1);
  std::atomic<uint64_t> sink = 0;
  std::vector<std::jthread> readers;
  for (int t = 0; t < threads; ++t) {
    readers.emplace_back([&together, &sink] {
      const Buffer buffer;
      for (int pass = 0; pass < kPasses; ++pass) {
        together.arrive_and_wait();
        if (buffer.words() != nullptr) sink += read_all(buffer.words());
        together.arrive_and_wait();
      }
    });
  }
  double best = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    together.arrive_and_wait();
    const auto begin = Clock::now();
    together.arrive_and_wait();
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    best = std::max(best, static_cast<double>(kBytesPerThread) * threads / seconds);
  }
  return best;
}

}  // namespace mlxserving::cli
