// A vector that never moves what it holds: growing costs one segment, whatever the size.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace mlxserving {

template <typename T, size_t kSegment = 4096>
class Segmented {
 public:
  size_t size() const { return size_; }
  T& operator[](size_t i) { return segments_[i / kSegment][i % kSegment]; }
  const T& operator[](size_t i) const { return segments_[i / kSegment][i % kSegment]; }
  T& back() { return (*this)[size_ - 1]; }

  void push_back(T value) {
    reserve_run(1);
    (*this)[size_++] = std::move(value);
  }
  // Appends values that lie in one piece; where the first of them stands. At most kSegment of them.
  size_t push_run(std::span<const T> values) {
    reserve_run(values.size());
    const size_t at = size_;
    for (const T& value : values) (*this)[size_++] = value;
    return at;
  }
  std::span<const T> run(size_t at, size_t count) const {
    return count == 0 ? std::span<const T>() : std::span(&(*this)[at], count);
  }
  void pop_back() { --size_; }

 private:
  // What is left of a segment too short for a run stays unused.
  void reserve_run(size_t count) {
    if (size_ % kSegment + count > kSegment) size_ = (size_ / kSegment + 1) * kSegment;
    if ((size_ + count + kSegment - 1) / kSegment > segments_.size())
      segments_.push_back(std::make_unique<T[]>(kSegment));
  }

  std::vector<std::unique_ptr<T[]>> segments_;
  size_t size_ = 0;
};

}  // namespace mlxserving
