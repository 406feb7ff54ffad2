#include "scheduler/page_pool.h"

#include <numeric>

#include "core/check.h"

namespace mlxserving::scheduler {

PagePool::PagePool(int32_t page_count)
    : pages_(static_cast<size_t>(page_count)), free_(static_cast<size_t>(page_count)) {
  std::iota(free_.rbegin(), free_.rend(), 0);
}

int32_t PagePool::take() {
  check(!free_.empty(), "a page pool gives only pages it has");
  const int32_t page = free_.back();
  free_.pop_back();
  pages_[static_cast<size_t>(page)].owners = 1;
  return page;
}

void PagePool::share(int32_t number) {
  Page& page = pages_.at(static_cast<size_t>(number));
  check(page.owners > 0 || page.kept, "a free page is taken, not shared");
  if (page.owners++ == 0) --idle_;
}

void PagePool::release(int32_t number) {
  Page& page = pages_.at(static_cast<size_t>(number));
  check(page.owners > 0, "a page is released once by each owner");
  if (--page.owners > 0) return;
  if (page.kept) {
    ++idle_;
  } else {
    free_.push_back(number);
  }
}

void PagePool::keep(int32_t number) {
  Page& page = pages_.at(static_cast<size_t>(number));
  check(page.owners > 0 && !page.kept, "the cache keeps an owned page, once");
  page.kept = true;
}

void PagePool::drop(int32_t number) {
  Page& page = pages_.at(static_cast<size_t>(number));
  check(page.kept, "the cache drops only what it keeps");
  page.kept = false;
  if (page.owners > 0) return;
  --idle_;
  free_.push_back(number);
}

}  // namespace mlxserving::scheduler
