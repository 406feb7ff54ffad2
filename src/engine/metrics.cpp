#include "mlxserving/metrics.h"

#include <algorithm>

namespace mlxserving {

const char* to_string(HealthState state) {
  switch (state) {
    case HealthState::ready: return "ready";
    case HealthState::degraded: return "degraded";
    case HealthState::stuck: return "stuck";
    case HealthState::dead: return "dead";
  }
  return "dead";
}

void Histogram::add(double value) {
  counts.resize(bounds.size() + 1);
  const auto bucket = std::ranges::lower_bound(bounds, value) - bounds.begin();
  ++counts[static_cast<size_t>(bucket)];
  sum += value;
  ++count;
}

double Histogram::quantile(double q) const {
  if (count == 0 || bounds.empty()) return 0;
  double below = std::clamp(q, 0.0, 1.0) * static_cast<double>(count);
  for (size_t i = 0; i < bounds.size(); ++i) {
    const auto here = static_cast<double>(counts[i]);
    const double lower = i == 0 ? std::min(0.0, bounds[0]) : bounds[i - 1];
    if (here > 0 && below <= here) return lower + (bounds[i] - lower) * below / here;
    below -= here;
  }
  return bounds.back();
}

}  // namespace mlxserving
