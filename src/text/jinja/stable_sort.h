// Merge sort that survives an order which is none: templates may sort NaN, or raise in the middle.
#pragma once

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

namespace mlxserving::text::jinja {

// Equal items keep their order. When `less` throws, `items` holds moved-from values.
template <typename T, typename Less>
void stable_sort(std::vector<T>& items, Less less) {
  std::vector<T> merged;
  merged.reserve(items.size());
  for (size_t width = 1; width < items.size(); width *= 2) {
    merged.clear();
    for (size_t begin = 0; begin < items.size(); begin += 2 * width) {
      const auto at = [&](size_t offset) {
        return std::make_move_iterator(items.begin() + static_cast<ptrdiff_t>(std::min(begin + offset, items.size())));
      };
      std::merge(at(0), at(width), at(width), at(2 * width), std::back_inserter(merged),
                 [&less](const T& a, const T& b) { return less(a, b); });
    }
    std::swap(items, merged);
  }
}

}  // namespace mlxserving::text::jinja
