// Rotary angles: the one place where a position becomes radians on the host.
#include <cmath>
#include <vector>

#include "nn/ops.h"

namespace mlxserving::nn {

std::vector<float> rope_angles(const RopeSpec& spec, int32_t position) {
  std::vector<float> angles(spec.inverse_frequencies.size());
  for (size_t i = 0; i < angles.size(); ++i) angles[i] = static_cast<float>(position) * spec.inverse_frequencies[i];
  if (spec.dynamic_from <= 0 || position < spec.dynamic_from) return angles;
  const double factor = spec.dynamic_factor;
  const double stretch = factor * (position + 1.0) / spec.dynamic_from - (factor - 1.0);
  const double dims = 2.0 * static_cast<double>(angles.size());
  for (size_t i = 0; i < angles.size(); ++i) {
    const double exponent = -2.0 * static_cast<double>(i) / (dims - 2.0);
    angles[i] = static_cast<float>(angles[i] * std::pow(stretch, exponent));
  }
  return angles;
}

}  // namespace mlxserving::nn
