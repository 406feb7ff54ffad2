#include "sampling/token_counts.h"

#include <limits>

namespace mlxserving::sampling {
namespace {

constexpr size_t kMlxWindow = 20;  // mlx-lm's default for each of its penalties

size_t window_of(const SamplingParams& params) {
  if (params.penalty_last_n >= 0) return static_cast<size_t>(params.penalty_last_n);
  return params.sampler_order == SamplerOrder::mlx ? kMlxWindow : std::numeric_limits<size_t>::max();
}

}  // namespace

TokenCounts::TokenCounts(const SamplingParams& params)
    : repetition_(params.repetition_penalty),
      presence_(params.presence_penalty),
      frequency_(params.frequency_penalty),
      prompt_counts_(params.sampler_order == SamplerOrder::mlx),
      off_((repetition_ == 1 && presence_ == 0 && frequency_ == 0) || params.penalty_last_n == 0),
      window_(window_of(params)) {}

void TokenCounts::append(int32_t token, bool generated) {
  if (off_) return;
  const Past past = {token, generated || prompt_counts_};
  count(past, 1);
  if (window_ == std::numeric_limits<size_t>::max()) return;
  if (ring_.size() < window_) {
    ring_.push_back(past);
    return;
  }
  count(ring_[oldest_], -1);
  ring_[oldest_] = past;
  oldest_ = (oldest_ + 1) % window_;
}

void TokenCounts::count(Past past, int32_t change) {
  const auto [found, is_new] = entry_of_.try_emplace(past.token, entries_.size());
  if (is_new) entries_.push_back({past.token, 0, 0});
  Entry& entry = entries_[found->second];
  entry.seen += change;
  entry.generated += past.generated ? change : 0;
  if (entry.seen > 0) return;
  entry = entries_.back();  // the last takes the place of the one that left the window
  entry_of_[entry.token] = found->second;
  entries_.pop_back();
  entry_of_.erase(past.token);
}

void TokenCounts::apply(std::span<float> logits) const {
  const auto repetition = static_cast<float>(repetition_);
  const auto presence = static_cast<float>(presence_);
  const auto frequency = static_cast<float>(frequency_);
  for (const Entry& entry : entries_) {
    if (entry.token < 0 || static_cast<size_t>(entry.token) >= logits.size()) continue;
    float& logit = logits[static_cast<size_t>(entry.token)];
    logit = logit < 0 ? logit * repetition : logit / repetition;
    if (entry.generated > 0) logit = logit - presence - frequency * static_cast<float>(entry.generated);
  }
}

}  // namespace mlxserving::sampling
