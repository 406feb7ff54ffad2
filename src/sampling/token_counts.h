// How often each token was seen in the window that the penalties look at, and the edits that follow from it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "mlxserving/request.h"

namespace mlxserving::sampling {

// Counts for one sequence, kept up token by token in constant time. The repetition penalty looks at the prompt and the
// answer; presence and frequency look at the answer alone, as OpenAI defines them, or in mlx order at both as mlx-lm
// does.
class TokenCounts {
 public:
  explicit TokenCounts(const SamplingParams& params);

  void append(int32_t token, bool generated);

  // Repetition (Keskar et al. 2019), then presence, then frequency. Tokens outside `logits` are ignored.
  void apply(std::span<float> logits) const;

  // apply() changes nothing, whatever was appended.
  bool is_off() const { return off_; }

 private:
  struct Entry {
    int32_t token;
    int32_t seen;       // in the window
    int32_t generated;  // of those, the ones that presence and frequency count
  };
  struct Past {
    int32_t token;
    bool generated;
  };

  void count(Past past, int32_t change);

  double repetition_;
  double presence_;
  double frequency_;
  bool prompt_counts_;
  bool off_;
  size_t window_;
  std::vector<Past> ring_;  // the window, where it is limited
  size_t oldest_ = 0;
  std::vector<Entry> entries_;  // tokens with seen > 0, in no order
  std::unordered_map<int32_t, size_t> entry_of_;
};

}  // namespace mlxserving::sampling
