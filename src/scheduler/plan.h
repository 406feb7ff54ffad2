// What the next step does, as a value: printable, replayable, decided by Scheduler::plan and carried out elsewhere.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mlxserving::scheduler {

using SequenceId = uint64_t;

// Consecutive tokens of one sequence: a part of its prompt, or its last sampled token.
struct Chunk {
  SequenceId sequence = 0;
  int32_t position_begin = 0;
  int32_t token_count = 0;
  bool decodes = false;  // a row after the prompt; its numerics are those of a decode row
  bool samples = false;  // its last row's logits give the next token
};

struct Plan {
  std::vector<SequenceId> admitted;  // leave the queue and take their pages, in this order
  std::vector<Chunk> chunks;         // admitted ones included; decode rows first

  bool empty() const { return chunks.empty(); }
  int32_t row_count() const;
};

// "admit 7 | 3@41+1* 7@0+256": sequence 3 decodes position 41 and samples, 7 starts its prompt.
std::string to_string(const Plan& plan);

}  // namespace mlxserving::scheduler
