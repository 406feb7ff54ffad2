#include "mlxserving/event.h"

namespace mlxserving {

const char* to_string(FinishReason reason) {
  switch (reason) {
    case FinishReason::stop: return "stop";
    case FinishReason::length: return "length";
    case FinishReason::cancelled: return "cancelled";
  }
  return "stop";
}

double Timings::prefill_tokens_per_second(const Usage& usage) const {
  const double ms = first_token_ms - queued_ms;
  return ms > 0 ? 1000.0 * (usage.prompt_tokens - usage.cached_tokens) / ms : 0;
}

double Timings::decode_tokens_per_second(const Usage& usage) const {
  const double ms = total_ms - first_token_ms;
  return usage.completion_tokens > 1 && ms > 0 ? 1000.0 * (usage.completion_tokens - 1) / ms : 0;
}

}  // namespace mlxserving
