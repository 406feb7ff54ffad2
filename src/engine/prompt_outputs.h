// What is gathered from a prompt's rows, beside the answer: log-probabilities of its tokens, an embedding.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/runner.h"
#include "engine/text_model.h"
#include "mlxserving/engine.h"
#include "mlxserving/event.h"

namespace mlxserving::engine {

// Chunk by chunk, from the first row on. Engine thread.
class PromptScoring {
 public:
  // Logits of the next rows of `prompt`; `top` most likely tokens are reported beside each.
  void add(std::span<const int32_t> prompt, const OutputRows& logits, int32_t top, const TextModel& text);
  PromptScores take() { return std::move(scores_); }

 private:
  PromptScores scores_;
  size_t rows_ = 0;
};

// The mean, or the last, of hidden states.
class EmbeddingPool {
 public:
  void add(const OutputRows& hidden);
  std::vector<float> take(Pooling pooling) const;

 private:
  std::vector<double> sum_;
  std::vector<float> last_;
  int64_t rows_ = 0;
};

}  // namespace mlxserving::engine
