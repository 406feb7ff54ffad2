#include "models/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace mlxserving::models {
namespace {

using format::RopeConfig;
using format::RopeType;
using Frequencies = std::vector<double>;

Frequencies plain(double theta, int dims) {
  Frequencies out(static_cast<size_t>(dims / 2));
  for (size_t i = 0; i < out.size(); ++i) out[i] = std::pow(theta, -2.0 * static_cast<double>(i) / dims);
  return out;
}

// Long waves are slowed by `factor`, short ones kept, those between blended. Llama 3.1's model card code.
void stretch_llama3(const RopeConfig& config, Frequencies& frequencies) {
  const auto context = static_cast<double>(config.original_max_position_embeddings);
  const double longest_kept = context / config.high_freq_factor;
  const double shortest_slowed = context / config.low_freq_factor;
  for (double& frequency : frequencies) {
    const double wavelength = 2.0 * std::numbers::pi / frequency;
    if (wavelength > shortest_slowed) {
      frequency /= config.factor;
    } else if (wavelength > longest_kept) {
      const double smooth =
          (context / wavelength - config.low_freq_factor) / (config.high_freq_factor - config.low_freq_factor);
      frequency *= (1.0 - smooth) / config.factor + smooth;
    }
  }
}

// Peng et al., YaRN: Efficient Context Window Extension of Large Language Models, 2023. The pair that turns `rotations`
// times over the original context.
double yarn_pair(const RopeConfig& config, int dims, double rotations) {
  const auto context = static_cast<double>(config.original_max_position_embeddings);
  return dims * std::log(context / (rotations * 2.0 * std::numbers::pi)) / (2.0 * std::log(config.theta));
}

void stretch_yarn(const RopeConfig& config, int dims, Frequencies& frequencies) {
  double low = yarn_pair(config, dims, config.beta_fast);
  double high = yarn_pair(config, dims, config.beta_slow);
  if (config.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, dims - 1.0);
  if (low == high) high += 0.001;
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const double slowed = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    frequencies[i] *= slowed / config.factor + (1.0 - slowed);
  }
}

double yarn_mscale(double factor, double mscale) { return factor <= 1.0 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0; }

double yarn_scale(const RopeConfig& config) {
  if (config.attention_factor) return *config.attention_factor;
  return yarn_mscale(config.factor, config.mscale.value_or(1.0)) /
         yarn_mscale(config.factor, config.mscale_all_dim.value_or(0.0));
}

// Ding et al., LongRoPE, 2024. The long factors always, as mlx-lm: transformers uses the short ones while a sequence is
// short, and so rotates cached keys otherwise than the queries that meet them later.
double longrope_scale(const RopeConfig& config) {
  if (config.attention_factor) return *config.attention_factor;
  const auto context = static_cast<double>(config.original_max_position_embeddings);
  return config.factor <= 1.0 ? 1.0 : std::sqrt(1.0 + std::log(config.factor) / std::log(context));
}

}  // namespace

nn::RopeSpec rope_spec(const RopeConfig& config, int head_dim) {
  const int dims = static_cast<int>(head_dim * config.partial_rotary_factor);
  Frequencies frequencies = plain(config.theta, dims);
  nn::RopeSpec spec;
  switch (config.type) {
    case RopeType::none: break;
    case RopeType::linear:
      for (double& frequency : frequencies) frequency /= config.factor;
      break;
    case RopeType::dynamic:
      // As transformers and mlx-lm rotate a token when it is the last one: by its own position's base. Both rotate a
      // whole chunk by the base of its last token, which would make a row depend on how its prompt was cut.
      spec.dynamic_from = static_cast<int32_t>(config.original_max_position_embeddings);
      spec.dynamic_factor = static_cast<float>(config.factor);
      break;
    case RopeType::llama3: stretch_llama3(config, frequencies); break;
    case RopeType::yarn:
      stretch_yarn(config, dims, frequencies);
      spec.scale = static_cast<float>(yarn_scale(config));
      break;
    case RopeType::longrope:
      for (size_t i = 0; i < frequencies.size(); ++i) frequencies[i] /= config.long_factor[i];
      spec.scale = static_cast<float>(longrope_scale(config));
      break;
  }
  spec.inverse_frequencies.assign(frequencies.begin(), frequencies.end());
  return spec;
}

}  // namespace mlxserving::models
