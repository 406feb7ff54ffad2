#include "scheduler/held_pages.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/check.h"

namespace mlxserving::scheduler {

int32_t pages_needed(int32_t tokens, const PageGroup& group) {
  const int32_t all = (tokens - 1) / group.page_tokens + 1;
  if (group.window == 0) return all;
  // A chunk is written before its first row looks back a whole window.
  return std::min(all, (group.window + kChunkTokens - 1) / group.page_tokens + 2);
}

int32_t oldest_page_seen(int32_t position, const PageGroup& group) {
  return group.window == 0 ? 0 : std::max(0, position - group.window + 1) / group.page_tokens;
}

HeldPages::HeldPages(const PageGroup& group, int32_t begin) : group_(group), begin_(begin), end_(begin) {
  check(group.window > 0 || begin == 0, "without a window every page is held");
  if (group.window > 0) {
    slots_.assign(static_cast<size_t>(pages_needed(std::numeric_limits<int32_t>::max(), group)), -1);
  }
}

void HeldPages::add(int32_t number) {
  if (group_.window == 0) slots_.push_back(-1);
  check(end_ - begin_ < static_cast<int32_t>(slots_.size()), "a ring holds what its window needs");
  slots_.at(slot(end_++)) = number;
}

int32_t HeldPages::remove_oldest() {
  check(begin_ < end_, "only a held page is removed");
  return std::exchange(slots_.at(slot(begin_++)), -1);
}

}  // namespace mlxserving::scheduler
