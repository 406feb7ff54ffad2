// From logits to a token, for one sequence: the edits, the filters in their order, the draw, and the log-probabilities.
// docs/sampling.md draws the order and defines each step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "mlxserving/error.h"
#include "mlxserving/request.h"
#include "sampling/candidates.h"
#include "sampling/dry.h"
#include "sampling/token_counts.h"

namespace mlxserving::sampling {

// What the sampler must know of the vocabulary.
struct TokenRoles {
  std::vector<int32_t> end_ids;       // end of sequence: not before min_tokens
  std::vector<int32_t> xtc_exempt;    // never dropped by XTC: mlx-lm exempts the newline and the end of sequence
  std::vector<int32_t> dry_breakers;  // breaker_tokens() of dry_sequence_breakers
};

struct TokenLogprob {
  int32_t id = 0;
  float logprob = 0;
  bool operator==(const TokenLogprob&) const = default;
};

struct Sampled {
  int32_t id = 0;
  float logprob = 0;  // with params.logprobs; of the model's own distribution: log softmax of the raw logits
  std::vector<TokenLogprob> top = {};  // up to params.top_logprobs, most likely first, on a tie the lowest id
};

// State of one sequence. Everything it does is a function of the parameters, the seed, the fork and the tokens
// appended: never of other sequences, of time, or of how often sample() was called. So a sequence is resumed by
// appending its tokens to a new Sampler. One thread at a time.
class Sampler {
 public:
  // `params` must have passed validate(). Without params.seed the seed is 0: whoever wants chance draws one. `fork`
  // tells apart the answers to one prompt.
  Sampler(const SamplingParams& params, TokenRoles roles, uint32_t fork = 0);

  void append_prompt(std::span<const int32_t> tokens);
  void append(int32_t token);  // a generated one

  // The next token. `logits` are the model's, one for each id. `allowed`, unless empty, has a bit for each id, bit i %
  // 32 of word i / 32; other tokens cannot be chosen. An error where logits are NaN or +infinity, or no token is left.
  Result<Sampled> sample(std::span<const float> logits, Workspace& workspace,
                         std::span<const uint32_t> allowed = {}) const;

  // The probability with which sample() gives each id, XTC's chance included. For tests.
  Result<std::vector<double>> distribution(std::span<const float> logits, Workspace& workspace,
                                           std::span<const uint32_t> allowed = {}) const;

  // For tests: the passes of another instruction set.
  void use(const VocabOps& ops) { ops_ = &ops; }

 private:
  bool edits() const;
  bool ends_too_early() const { return generated_ < params_.min_tokens; }
  bool is_greedy() const;
  void edit(std::span<float> logits, std::span<const uint32_t> allowed) const;
  Result<Logits> checked(std::span<const float> values, float* copy, std::vector<float>& chunk_max) const;
  Candidates filter(const Logits& logits, Workspace& workspace, bool xtc) const;
  int32_t choose(const Logits& logits, Workspace& workspace) const;
  void report(const Logits& raw, Workspace& workspace, Sampled& sampled) const;

  // The model's logits, and what the knobs made of them: the same where they made nothing.
  struct Both {
    Logits raw;
    Logits edited;
  };
  Result<Both> prepare(std::span<const float> logits, Workspace& workspace, std::span<const uint32_t> allowed) const;

  const VocabOps* ops_;
  SamplingParams params_;
  TokenRoles roles_;
  uint64_t seed_;
  uint32_t fork_;
  int64_t generated_ = 0;
  TokenCounts counts_;
  Dry dry_;
};

}  // namespace mlxserving::sampling
