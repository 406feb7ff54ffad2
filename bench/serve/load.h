// Closed-loop load: each client sends its next request when the last answer has ended. The same for the engine in this
// process and for another server, so that their figures are of the same work.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace mlxserving::bench {

struct Work {
  int32_t prompt_tokens = 64;
  int32_t new_tokens = 64;  // exactly: ends of text are ignored
  double temperature = 0;   // otherwise with top_p 0.95
  int32_t vocabulary_size = 0;
};

// Told of tokens as they come; false: the rest is not wanted.
using OnTokens = std::function<bool(int count)>;
// Sends a prompt of these ids and reads an answer of `new_tokens`. Gives why it failed; empty: it did not.
using Ask = std::function<std::string(const std::vector<int32_t>& prompt, int32_t new_tokens, const OnTokens&)>;

struct Cell {
  int clients = 0;
  int answers = 0;  // of which the first token came
  double seconds = 0;
  double tokens_per_second = 0;   // of all answers together
  double first_token_ms[3] = {};  // p50, p95, p99; from sending the request
  double inter_token_ms[3] = {};
  double others_share = 0;  // of the processor, taken by other processes than this and the peer; 0 where unknown
  std::string cores;        // "near", "far": two virtual cores of one cache or of two; "moved" while it was measured
  std::string error = {};   // of the first request that failed
};

// `clients` threads ask all the time. What is measured is `seconds` long and begins when each has its first token; the
// first answers are of different lengths, so that by then the clients are spread over all phases of a request. Prompts
// are random and never the same, so that no cache helps. `peer` is the process that answers; 0: this one.
Cell run_cell(const Ask& ask, const Work& work, int clients, double seconds, pid_t peer);

// Processor time that other processes than this and the peer have had since the machine came up; Linux only, otherwise
// 0.
double others_busy_seconds(pid_t peer);

}  // namespace mlxserving::bench
