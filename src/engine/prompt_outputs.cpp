#include "engine/prompt_outputs.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/generation.h"

namespace mlxserving::engine {
namespace {

// log Σ exp(x), by the largest so that nothing overflows.
double log_sum_exp(std::span<const float> x) {
  const double largest = *std::ranges::max_element(x);
  double sum = 0;
  for (const float value : x) sum += std::exp(value - largest);
  return largest + std::log(sum);
}

// The `count` largest, the likeliest first, on a tie the lowest id.
std::vector<int32_t> largest(std::span<const float> x, int32_t count) {
  std::vector<int32_t> ids(x.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto likelier = [&](int32_t a, int32_t b) {
    const float xa = x[static_cast<size_t>(a)];
    const float xb = x[static_cast<size_t>(b)];
    return xa != xb ? xa > xb : a < b;
  };
  const auto kept = std::min(ids.size(), static_cast<size_t>(count));
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(kept), ids.end(), likelier);
  ids.resize(kept);
  return ids;
}

}  // namespace

void PromptScoring::add(std::span<const int32_t> prompt, const OutputRows& logits, int32_t top, const TextModel& text) {
  const auto push = [&](size_t position) -> PromptScores::Token& {
    PromptScores::Token& token = scores_.tokens.emplace_back();
    token.token_id = prompt[position];
    token.bytes = token_logprob(text, token.token_id, 0).bytes;
    return token;
  };
  if (rows_ == 0) push(0);
  for (int32_t i = 0; i < logits.count; ++i) {
    if (++rows_ >= prompt.size()) return;  // the last row speaks of the answer
    const std::span<const float> row = logits.row(i);
    const double norm = log_sum_exp(row);
    const auto logprob = [&](int32_t id) { return static_cast<float>(row[static_cast<size_t>(id)] - norm); };
    PromptScores::Token& token = push(rows_);
    token.logprob = logprob(token.token_id);
    if (top == 0) continue;
    for (const int32_t id : largest(row, top)) token.top.push_back(token_logprob(text, id, logprob(id)));
  }
}

void EmbeddingPool::add(const OutputRows& hidden) {
  if (hidden.count == 0) return;
  sum_.resize(static_cast<size_t>(hidden.width));
  for (int32_t i = 0; i < hidden.count; ++i) {
    const std::span<const float> row = hidden.row(i);
    for (size_t j = 0; j < row.size(); ++j) sum_[j] += row[j];
  }
  const std::span<const float> last = hidden.row(hidden.count - 1);
  last_.assign(last.begin(), last.end());
  rows_ += hidden.count;
}

std::vector<float> EmbeddingPool::take(Pooling pooling) const {
  if (pooling == Pooling::last) return last_;
  std::vector<float> mean(sum_.size());
  std::ranges::transform(sum_, mean.begin(),
                         [&](double sum) { return static_cast<float>(sum / static_cast<double>(rows_)); });
  return mean;
}

}  // namespace mlxserving::engine
