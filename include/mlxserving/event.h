// What a request's stream tells its reader. Each answer (GenerateRequest::answers) has its own order: TextDelta...,
// then exactly one Finished or Failed; answers interleave. PromptProgress and PromptScores, where asked for, come
// before.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "mlxserving/error.h"

namespace mlxserving {

// Why a generation ended. The enumerators are the wire names.
enum class FinishReason {
  stop,       // an end-of-text token, a stop token or a stop string
  length,     // max_tokens, or the context is full
  cancelled,  // Stream::cancel
};

const char* to_string(FinishReason reason);

// How likely a token was: natural logarithms of the model's own distribution, before temperature and penalties.
struct TokenLogprob {
  int32_t token_id = 0;
  std::string bytes;  // what the token stands for, perhaps a part of a character
  float logprob = 0.0F;
};

// One sampled token, and the text that became certain with it: empty while a character or a possible stop string is
// incomplete. The texts of all deltas together are the answer.
struct TextDelta {
  int32_t answer = 0;  // in [0, GenerateRequest::answers)
  std::string text;
  int32_t token_id = 0;
  std::optional<TokenLogprob> logprob;     // when the request asks for logprobs; not of a token that ends the answer
  std::vector<TokenLogprob> top_logprobs;  // most likely first
  std::optional<float> gap;                // largest logit minus the second, when the request asks for gaps
};

struct Usage {
  int32_t prompt_tokens = 0;
  int32_t cached_tokens = 0;      // of the prompt, not computed again
  int32_t completion_tokens = 0;  // of this answer
  // Where the prompt first differs from the longest cached text that begins like it: a position, or -1 where nothing
  // differs before the prompt or the cached text ends. For finding out why a prefix was not reused.
  int32_t cache_differs_at = -1;
};

// A long prompt is on its way.
struct PromptProgress {
  int32_t tokens_done = 0;
  int32_t tokens_total = 0;
};

// The prompt's tokens as the model read them. The first has no logprob: nothing stands before it.
struct PromptScores {
  struct Token {
    int32_t token_id = 0;
    std::string bytes;
    std::optional<float> logprob;
    std::vector<TokenLogprob> top;  // SamplingParams::top_logprobs of them
  };
  std::vector<Token> tokens;
};

// Wall-clock milliseconds on the engine's side.
struct Timings {
  double queued_ms = 0;       // from submit to the first step
  double first_token_ms = 0;  // from submit to the first token
  double total_ms = 0;        // from submit to the end

  double prefill_tokens_per_second(const Usage& usage) const;
  double decode_tokens_per_second(const Usage& usage) const;  // of the tokens after the first; 0 if there are none
};

struct Finished {
  int32_t answer = 0;
  FinishReason reason = FinishReason::stop;
  std::string text;  // what was still held back
  Usage usage;
  Timings timings;
};

struct Failed {
  int32_t answer = 0;
  Error error;
};

using Event = std::variant<TextDelta, Finished, Failed, PromptProgress, PromptScores>;

}  // namespace mlxserving
