// The latest values of something, and what they say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mlxserving::telemetry {

// Of the last `capacity` values. One thread.
class Window {
 public:
  explicit Window(size_t capacity = 1000) : capacity_(capacity) {}

  void add(double value);
  uint64_t total() const { return total_; }  // ever added
  size_t size() const { return values_.size(); }
  double mean() const;
  double min() const;
  double max() const;
  double quantile(double q) const;  // interpolated; 0 of nothing

 private:
  size_t capacity_;
  std::vector<double> values_;  // a ring once full
  uint64_t total_ = 0;
};

// A counter that only grows, sampled now and then: how fast it grew lately. One thread.
class Rate {
 public:
  // `seconds` on any clock that does not go back.
  void sample(double seconds, double count);
  // Growth a second over the last `span`, or since the first sample if that is less.
  double per_second(double span) const;

 private:
  struct Sample {
    double seconds;
    double count;
  };
  std::vector<Sample> samples_;  // ascending, of the last minute and one before
};

}  // namespace mlxserving::telemetry
