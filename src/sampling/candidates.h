// The tokens that may still be drawn, and the filters that narrow them: each a function of the logits alone, in
// whatever order the sampler calls them. Nothing is sorted; a filter is a cut (select.h) and one pass that keeps what
// lies above.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sampling/select.h"
#include "sampling/vocab_ops.h"

namespace mlxserving::sampling {

// Buffers for one vocabulary, reused from token to token. One thread at a time; whose thread does not matter.
struct Workspace {
  std::vector<float> logits;         // of the sampler, when knobs edit them
  std::vector<float> raw_chunk_max;  // of the model's logits
  std::vector<float> chunk_max;      // of `logits`
  std::vector<float> kept_logits;
  std::vector<float> weights;
  std::vector<float> keys;
  std::vector<int32_t> ids;
  std::vector<double> block_sums;
  SelectBuffers select;
  void reserve(size_t vocabulary);
};

enum class Ties {
  lowest_ids,  // of equal tokens at the cut the lowest ids stay, as many as are needed
  all,         // equal tokens stay together
};

// What the candidates start from. No value is NaN or +inf, and `max` is finite. All of it outlives the Candidates.
struct Logits {
  std::span<const float> values;
  float max;
  const float* chunk_max;  // of each kChunk values
};

// Probabilities here are those of softmax(scale * logits) over the candidates that are left. At least one candidate is
// left by every filter.
//
// top_k, top_p and min_p all cut the same order, logit descending. Their cut is noted, and made by the first step that
// has to see what is left.
class Candidates {
 public:
  Candidates(const VocabOps& ops, Workspace& workspace, const Logits& logits, float scale);

  // The k most likely.
  void top_k(size_t k);

  // The shortest prefix, most likely first, whose probabilities reach p (Holtzman et al. 2020).
  void top_p(double p, Ties ties);

  // Those with at least min_p times the probability of the most likely one (Nguyen et al. 2024).
  void min_p(double min_p);

  // The shortest prefix whose probabilities reach p, in the order of |surprise - entropy| (Meister et al. 2023).
  void typical_p(double p);

  // Where two or more have a probability above the threshold, only the least likely of those stays, and `exempt` ids.
  void drop_top_choices(double threshold, std::span<const int32_t> exempt);

  // From here on probabilities are those of another scale.
  void set_scale(float scale);

  // Position of the candidate in whose share of [0, 1) `chance` falls, candidates in order of their ids.
  size_t draw(double chance);

  // Makes the cuts noted so far. The questions below are about what is left then; where much was left, that includes
  // positions of dropped tokens, whose logit is -inf.
  void settle();
  size_t count() const { return n_; }
  int32_t id(size_t i) const { return ids_ != nullptr ? ids_[i] : static_cast<int32_t>(i); }
  float logit(size_t i) const { return logits_[i]; }
  double probability(size_t i);

 private:
  void weigh();
  float current_max();
  void shortlist(size_t k);
  void note(Cut cut);
  void keep(const float* keys, Cut cut);

  const VocabOps& ops_;
  Workspace& workspace_;
  const float* logits_;
  const float* chunk_max_;        // null once logits_ are no longer what they were given for
  const int32_t* ids_ = nullptr;  // null: the position is the id
  size_t n_;
  float max_;        // of logits_, unless stale; weights are relative to it as it was when they were computed
  float shift_ = 0;  // that one
  float scale_;
  bool max_is_stale_ = false;
  bool has_weights_ = false;  // workspace_.weights hold exp(scale * (logit - shift))
  bool has_sums_ = false;     // workspace_.block_sums and total_ are theirs
  double total_ = 0;
  Cut noted_;
};

}  // namespace mlxserving::sampling
