#include "scheduler/plan.h"

namespace mlxserving::scheduler {

int32_t Plan::row_count() const {
  int32_t rows = 0;
  for (const Chunk& chunk : chunks) rows += chunk.token_count;
  return rows;
}

std::string to_string(const Plan& plan) {
  std::string text = plan.admitted.empty() ? "" : "admit";
  for (const SequenceId id : plan.admitted) text += " " + std::to_string(id);
  if (!plan.admitted.empty()) text += " |";
  for (const Chunk& chunk : plan.chunks) {
    if (!text.empty()) text += " ";
    text += std::to_string(chunk.sequence) + "@" + std::to_string(chunk.position_begin) + "+" +
            std::to_string(chunk.token_count) + (chunk.samples ? "*" : "");
  }
  return text;
}

}  // namespace mlxserving::scheduler
