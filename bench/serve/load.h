// Closed-loop load: each client sends its next request when the last answer has ended. The same for the engine in this
// process and for another server, so that their figures are of the same work.
#pragma once

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

// One answer, as its reader saw it.
struct Sample {
  double first_token_ms = 0;  // from sending the request
  std::vector<double> gaps_ms = {};
  int32_t tokens = 0;
  std::string error = {};
};

// Sends a prompt of these ids and reads the answer.
using Ask = std::function<Sample(const std::vector<int32_t>& prompt, const Work& work)>;

struct Cell {
  int clients = 0;
  int answers = 0;
  double seconds = 0;
  double tokens_per_second = 0;   // of all answers together
  double first_token_ms[3] = {};  // p50, p95, p99
  double inter_token_ms[3] = {};
  std::string error = {};  // of the first request that failed
};

// `clients` threads ask until `seconds` have passed, each at least once; tokens that come later do not count. Prompts
// are random and never the same, so that no cache helps.
Cell run_cell(const Ask& ask, const Work& work, int clients, double seconds);

}  // namespace mlxserving::bench
