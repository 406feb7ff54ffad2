// DRY ("don't repeat yourself", p-e-w, text-generation-webui pull request 5677): a token that would continue a
// repetition is penalised, more with every token that the repetition is long.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "mlxserving/request.h"

namespace mlxserving::sampling {

// Of the earlier places that end like the text ends now, only so many of the latest are followed. A text that is one
// token ten thousand times would cost ten thousand steps a token otherwise.
constexpr size_t kDryMatchesMax = 1024;

constexpr double kDryPenaltyMax = 1e9;  // beyond any logit, and still finite

// For one sequence. Where the text's last `length` tokens also stand further left, the token that followed them there
// gets multiplier * base^(length - allowed_length) subtracted, if length >= allowed_length; of several such places the
// longest counts. No repetition reaches over a breaker, and a breaker is never penalised.
//
// The work of a token is that of the places which end in the same `allowed_length` tokens: they are chained by hash,
// and a place's length is one more than its left neighbour's was a token ago.
class Dry {
 public:
  // `breakers` are token ids (breaker_tokens).
  Dry(const SamplingParams& params, std::span<const int32_t> breakers);

  void append(int32_t token);

  // Tokens outside `logits` are ignored.
  void apply(std::span<float> logits) const;

  bool is_off() const { return multiplier_ == 0 || window_ == 0; }

 private:
  // tokens_[end - length, end) equals the last `length` tokens.
  struct Match {
    size_t end;
    size_t length;
  };

  bool same_gram(size_t end_a, size_t end_b) const;
  void follow_matches(int64_t latest);

  double multiplier_;
  double base_;
  size_t gram_;  // allowed_length: the shortest repetition that counts
  size_t window_;
  uint64_t drop_;  // kHashBase^gram_, what a token that leaves the gram has been multiplied with
  std::unordered_set<int32_t> breakers_;
  std::vector<int32_t> tokens_;
  std::vector<int64_t> previous_;                 // by end - 1: the end of the previous place with the same gram, or -1
  std::unordered_map<uint64_t, int64_t> latest_;  // by hash of a gram: the end of its latest place
  std::vector<Match> matches_;                    // latest first
  std::vector<Match> new_matches_;                // of follow_matches
  size_t run_ = 0;                                // tokens since the last breaker
  uint64_t hash_ = 0;                             // of the last min(run_, gram_) tokens
};

// The ids whose bytes contain one of the breakers; `token_bytes[id]` is what the tokenizer gives for id.
std::vector<int32_t> breaker_tokens(std::span<const std::string_view> token_bytes,
                                    std::span<const std::string> breakers);

}  // namespace mlxserving::sampling
