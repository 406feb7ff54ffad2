// The names of /metrics: one row each, for the endpoint and docs/http.md. Those that begin with kr_serve_ are of the
// program that came before and keep their meaning.
#pragma once

#include "mlxserving/metrics.h"

namespace mlxserving::api {

struct MetricName {
  enum class Kind { counter, gauge, histogram } kind;
  const char* name;
  const char* help;
  uint64_t Metrics::* counter = nullptr;  // of a counter or gauge of the engine
  Histogram Metrics::* histogram = nullptr;
  double scale = 1;  // from the engine's unit to the name's
};

using enum MetricName::Kind;

// With the label `model`.
inline constexpr MetricName kEngineMetrics[] = {
    {counter, "mlxs_requests_submitted_total", "Requests that were submitted.", &Metrics::requests_submitted},
    {counter, "mlxs_requests_finished_total", "Requests that ended with an answer.", &Metrics::requests_finished},
    {counter, "mlxs_requests_failed_total", "Requests that failed.", &Metrics::requests_failed},
    {counter, "mlxs_requests_cancelled_total", "Requests that were cancelled.", &Metrics::requests_cancelled},
    {counter, "mlxs_requests_rejected_total", "Requests refused before they queued.", &Metrics::requests_rejected},
    {counter, "mlxs_prompt_tokens_total", "Tokens of prompts.", &Metrics::prompt_tokens},
    {counter, "mlxs_cached_prompt_tokens_total", "Of them, not computed again.", &Metrics::cached_prompt_tokens},
    {counter, "mlxs_completion_tokens_total", "Tokens of answers.", &Metrics::completion_tokens},
    {counter, "mlxs_steps_total", "Steps of the model.", &Metrics::steps},
    {counter, "mlxs_failed_steps_total", "Steps that failed.", &Metrics::failed_steps},
    {counter, "mlxs_preemptions_total", "Requests set back to make room.", &Metrics::preemptions},
    {gauge, "mlxs_queue_depth", "Requests that wait.", &Metrics::queue_depth},
    {gauge, "mlxs_running_requests", "Requests in the batch.", &Metrics::running},
    {gauge, "mlxs_paused_requests", "Of them, paused for a slow reader.", &Metrics::paused},
    {gauge, "mlxs_kv_pages", "Pages of the KV cache.", &Metrics::pages_total},
    {gauge, "mlxs_kv_pages_free", "Of them, free.", &Metrics::pages_free},
    {gauge, "mlxs_kv_pages_cached", "Of them, of the prefix cache and not in use.", &Metrics::pages_cached},
    {histogram, "mlxs_batch_rows", "Rows of a step.", nullptr, &Metrics::batch_rows},
    {histogram, "mlxs_step_seconds", "Time of a step.", nullptr, &Metrics::step_ms, 1e-3},
    {histogram, "mlxs_host_seconds", "Of a step, outside the model.", nullptr, &Metrics::host_ms, 1e-3},
    {histogram, "mlxs_queue_seconds", "From submit to the first step.", nullptr, &Metrics::queue_ms, 1e-3},
    {histogram, "mlxs_first_token_seconds", "From submit to the first token.", nullptr, &Metrics::first_token_ms, 1e-3},
    {histogram, "mlxs_inter_token_seconds", "From one token to the next.", nullptr, &Metrics::inter_token_ms, 1e-3},
    {histogram, "mlxs_request_seconds", "From submit to the end.", nullptr, &Metrics::request_ms, 1e-3},
    {counter, "kr_serve_tokens_generated_total", "As mlxs_completion_tokens_total.", &Metrics::completion_tokens},
    {counter, "kr_serve_generation_errors_total", "As mlxs_requests_failed_total.", &Metrics::requests_failed},
    {histogram, "kr_serve_generation_duration_ms", "As mlxs_request_seconds.", nullptr, &Metrics::request_ms},
    {histogram, "kr_serve_batch_size", "As mlxs_batch_rows.", nullptr, &Metrics::batch_rows},
};
inline constexpr MetricName kEngineUp = {gauge, "mlxs_engine_up", "1 while the model's loop works."};

// With the label `code`: 2xx, 4xx, 5xx; none: the client left first.
inline constexpr MetricName kHttpRequests = {counter, "mlxs_http_requests_total", "Requests of HTTP that were served."};
inline constexpr MetricName kHttpBytes = {counter, "mlxs_http_sent_bytes_total", "Bytes sent."};
inline constexpr MetricName kHttpConnections = {gauge, "mlxs_http_connections", "Open connections."};
inline constexpr MetricName kGenerations = {gauge, "mlxs_http_generations", "Generations under way."};
inline constexpr MetricName kUptime = {gauge, "mlxs_uptime_seconds", "Since the server started."};

}  // namespace mlxserving::api
