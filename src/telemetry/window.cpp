#include "telemetry/window.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace mlxserving::telemetry {
namespace {

constexpr double kSpanMax = 60;  // seconds that a Rate remembers

}  // namespace

void Window::add(double value) {
  if (values_.size() < capacity_) {
    values_.push_back(value);
  } else {
    values_[total_ % capacity_] = value;
  }
  ++total_;
}

double Window::mean() const {
  return values_.empty() ? 0
                         : std::accumulate(values_.begin(), values_.end(), 0.0) / static_cast<double>(values_.size());
}
double Window::min() const { return values_.empty() ? 0 : *std::ranges::min_element(values_); }
double Window::max() const { return values_.empty() ? 0 : *std::ranges::max_element(values_); }

double Window::quantile(double q) const {
  if (values_.empty()) return 0;
  std::vector<double> sorted = values_;
  std::ranges::sort(sorted);
  const double place = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], place - std::floor(place));
}

void Rate::sample(double seconds, double count) {
  samples_.push_back({seconds, count});
  // The last sample before the span stays: it is where the span's growth is counted from.
  while (samples_.size() > 2 && samples_[1].seconds < seconds - kSpanMax) samples_.erase(samples_.begin());
}

double Rate::per_second(double span) const {
  if (samples_.size() < 2) return 0;
  const Sample& last = samples_.back();
  const auto first = std::ranges::find_if(samples_, [&](const Sample& s) { return s.seconds >= last.seconds - span; });
  const double elapsed = last.seconds - first->seconds;
  return elapsed > 0 ? (last.count - first->count) / elapsed : 0;
}

}  // namespace mlxserving::telemetry
