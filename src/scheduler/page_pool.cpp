#include "scheduler/page_pool.h"

#include <numeric>

#include "core/check.h"

namespace mlxserving::scheduler {

PagePool::PagePool(int32_t page_count) : page_count_(page_count), free_(static_cast<size_t>(page_count)) {
  std::iota(free_.rbegin(), free_.rend(), 0);
}

std::vector<int32_t> PagePool::take(int32_t count) {
  check(count <= free_count(), "a page pool gives only pages it has");
  std::vector<int32_t> pages(free_.end() - count, free_.end());
  free_.resize(free_.size() - static_cast<size_t>(count));
  return pages;
}

void PagePool::give_back(const std::vector<int32_t>& pages) {
  check(free_.size() + pages.size() <= static_cast<size_t>(page_count_), "a page is given back once");
  free_.insert(free_.end(), pages.rbegin(), pages.rend());
}

}  // namespace mlxserving::scheduler
