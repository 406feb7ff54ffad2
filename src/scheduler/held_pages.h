// The pages that one sequence holds in one layer group.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "scheduler/page_group.h"

namespace mlxserving::scheduler {

// Pages of consecutive positions, counted from the start of the sequence: [begin(), end()). A group without a window
// holds all from 0; with one, the oldest are let go as the window moves on. Numbers only: whoever adds and removes them
// tells the pool.
class HeldPages {
 public:
  // Holds nothing; the first page added is page `begin`, not 0 for a window whose start was not needed.
  explicit HeldPages(const PageGroup& group, int32_t begin = 0);

  int32_t begin() const { return begin_; }
  int32_t end() const { return end_; }
  int32_t number(int32_t page) const { return slots_.at(slot(page)); }
  // What the kernels read: position p lies in page [p / page_tokens % size]. Slots without a page hold -1.
  std::span<const int32_t> table() const { return slots_; }

  void add(int32_t number);
  int32_t remove_oldest();  // its number
  void replace(int32_t page, int32_t number) { slots_.at(slot(page)) = number; }

  // The oldest page that a row at `position` sees.
  int32_t oldest_seen(int32_t position) const { return oldest_page_seen(position, group_); }
  // Pages that hold positions up to `end`.
  int32_t pages_until(int32_t end) const { return scheduler::pages_until(end, group_); }
  int32_t page_of(int32_t position) const { return position / group_.page_tokens; }
  // Whether a row at `position` is not the first of its page.
  bool is_inside_page(int32_t position) const { return position % group_.page_tokens != 0; }

 private:
  size_t slot(int32_t page) const { return static_cast<size_t>(page) % slots_.size(); }

  PageGroup group_;
  int32_t begin_;
  int32_t end_;
  std::vector<int32_t> slots_;  // grows without a window, else a ring
};

using Holding = std::vector<HeldPages>;  // [group]

}  // namespace mlxserving::scheduler
