// The pages of one layer group of the KV cache: which are free, how many sequences own each, which the prefix cache
// keeps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mlxserving::scheduler {

// Fixed at construction; pages are numbers, their bytes live in nn::KvStore. A page is free, owned (by one sequence or
// several that share it), or idle: kept by the prefix cache and owned by nobody, so that it can be reclaimed. Always
// free + owned + idle = all. Not thread-safe: the engine thread's.
class PagePool {
 public:
  explicit PagePool(int32_t page_count);

  int32_t page_count() const { return static_cast<int32_t>(pages_.size()); }
  int32_t free_count() const { return static_cast<int32_t>(free_.size()); }
  int32_t idle_count() const { return idle_; }
  int32_t owned_count() const { return page_count() - free_count() - idle_; }
  int32_t available() const { return free_count() + idle_; }

  int32_t owners(int32_t page) const { return at(page).owners; }
  bool is_kept(int32_t page) const { return at(page).kept; }

  // A free page, now with one owner; the caller has made sure that there is one.
  int32_t take();
  // One owner more of a page that is owned or idle.
  void share(int32_t page);
  // One owner less. The last one leaves the page free, or idle if the cache keeps it.
  void release(int32_t page);

  // The prefix cache keeps an owned page, and lets go of it.
  void keep(int32_t page);
  void drop(int32_t page);

 private:
  struct Page {
    int32_t owners = 0;
    bool kept = false;
  };
  const Page& at(int32_t page) const { return pages_.at(static_cast<size_t>(page)); }

  std::vector<Page> pages_;
  std::vector<int32_t> free_;  // last in, first out: the warmest page is reused first
  int32_t idle_ = 0;
};

}  // namespace mlxserving::scheduler
