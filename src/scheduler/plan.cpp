#include "scheduler/plan.h"

#include <fmt/format.h>

namespace mlxserving::scheduler {

int32_t Plan::row_count() const {
  int32_t rows = 0;
  for (const Chunk& chunk : chunks) rows += chunk.token_count;
  return rows;
}

std::string to_string(const Plan& plan) {
  std::vector<std::string> words;
  if (!plan.preempted.empty()) words.emplace_back("preempt");
  for (const SequenceId id : plan.preempted) words.push_back(std::to_string(id));
  if (!plan.preempted.empty()) words.emplace_back("|");
  if (!plan.admitted.empty()) words.emplace_back("admit");
  for (const Admission& admission : plan.admitted) {
    words.push_back(std::to_string(admission.sequence));
    if (admission.cached_tokens > 0) words.back() += fmt::format("({})", admission.cached_tokens);
  }
  if (!plan.admitted.empty()) words.emplace_back("|");
  for (const Chunk& chunk : plan.chunks) {
    words.push_back(
        fmt::format("{}@{}+{}{}", chunk.sequence, chunk.position_begin, chunk.token_count, chunk.samples ? "*" : ""));
  }
  return fmt::format("{}", fmt::join(words, " "));
}

}  // namespace mlxserving::scheduler
