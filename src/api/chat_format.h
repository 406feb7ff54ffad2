// Chat completions, completions: OpenAI's words for a generation.
#pragma once

#include <memory>
#include <string>

#include "api/generation.h"

namespace mlxserving::api {

struct FormatOptions {
  bool logprobs = false;
  bool include_usage = false;
  int32_t top_logprobs = 0;
};

std::unique_ptr<Format> chat_format(const FormatOptions& options);

struct CompletionFormatOptions {
  FormatOptions common = {};
  std::vector<std::string> echoes = {};  // of each prompt; empty: none
  int32_t n = 1;                         // of best_of answers to return
  int32_t best_of = 1;
};
std::unique_ptr<Format> completion_format(CompletionFormatOptions options);

// A token as `logprobs.content` has it: {"token", "logprob", "bytes", "top_logprobs"}.
Json logprob_json(const TextDelta& token);

}  // namespace mlxserving::api
