// The pages of one layer group of the KV cache: which are free, which are owned.
#pragma once

#include <cstdint>
#include <vector>

namespace mlxserving::scheduler {

// Fixed at construction; pages are numbers, their bytes live in nn::KvStore. Not thread-safe: the engine thread's.
class PagePool {
 public:
  explicit PagePool(int32_t page_count);

  int32_t free_count() const { return static_cast<int32_t>(free_.size()); }
  int32_t page_count() const { return page_count_; }

  // `count` pages; the caller has made sure that they are free.
  std::vector<int32_t> take(int32_t count);
  void give_back(const std::vector<int32_t>& pages);

 private:
  int32_t page_count_;
  std::vector<int32_t> free_;  // last in, first out: the warmest page is reused first
};

}  // namespace mlxserving::scheduler
