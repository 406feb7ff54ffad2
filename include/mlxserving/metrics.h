// What an engine reports of itself: whether it lives, and plain counters and histograms. Exporters (JSON-RPC,
// Prometheus) translate; names and units are here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mlxserving {

// Enumerators are the wire names.
enum class HealthState {
  ready,     // takes requests
  degraded,  // takes requests, but failed lately or runs below its latency target
  stuck,     // a step has run longer than the watchdog allows
  dead,      // the engine thread has ended
};

const char* to_string(HealthState state);

struct Health {
  HealthState state = HealthState::ready;
  std::string reason;           // empty when ready
  double last_step_age_ms = 0;  // since the loop last showed a sign of life
};

// Counts of values at most each bound, the last bucket without one, as Prometheus has them but not cumulative.
struct Histogram {
  std::vector<double> bounds;    // ascending
  std::vector<uint64_t> counts;  // [bounds + 1]
  double sum = 0;
  uint64_t count = 0;

  void add(double value);
  // The value below which a fraction `q` lies, interpolated within its bucket; 0 of nothing.
  double quantile(double q) const;
};

// A copy, taken between steps. Counters only grow; gauges say how it is now.
struct Metrics {
  // Counters.
  uint64_t requests_submitted = 0;  // all below, what waits and what runs
  uint64_t requests_finished = 0;
  uint64_t requests_failed = 0;
  uint64_t requests_cancelled = 0;
  uint64_t requests_rejected = 0;  // refused before they queued
  uint64_t prompt_tokens = 0;
  uint64_t cached_prompt_tokens = 0;
  uint64_t completion_tokens = 0;
  uint64_t steps = 0;
  uint64_t failed_steps = 0;
  uint64_t preemptions = 0;
  uint64_t state_transitions = 0;
  uint64_t invalid_transitions = 0;  // attempted, refused: a fault of ours

  // Gauges.
  uint64_t queue_depth = 0;
  uint64_t running = 0;
  uint64_t paused = 0;  // running, but their readers are slow
  uint64_t pages_total = 0;
  uint64_t pages_free = 0;
  uint64_t pages_cached = 0;  // of the prefix cache, not in use
  std::string circuit_state = "closed";

  // Histograms.
  Histogram batch_rows;  // of a step
  Histogram step_ms;
  Histogram host_ms;         // of a step, outside the model: scheduling, sampling, text
  Histogram queue_ms;        // from submit to the first step
  Histogram first_token_ms;  // from submit
  Histogram inter_token_ms;
  Histogram request_ms;  // from submit to the end
};

}  // namespace mlxserving
