// What the next step does, as a value: printable, replayable, decided by Scheduler::plan and carried out elsewhere.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mlxserving::scheduler {

using SequenceId = uint64_t;

// Consecutive tokens of one sequence: a part of its prompt, or tokens after it (the last sampled one, with those that
// were forced behind it, or several that a preempted sequence computes again).
struct Chunk {
  SequenceId sequence = 0;
  int32_t position_begin = 0;
  int32_t token_count = 0;
  bool decodes = false;  // rows after the prompt; their numerics are those of decode rows
  bool samples = false;  // its last row's logits give the next token

  bool operator==(const Chunk&) const = default;
};

// A sequence leaves the queue and takes pages; of its prompt the first tokens are in the prefix cache.
struct Admission {
  SequenceId sequence = 0;
  int32_t cached_tokens = 0;
  int32_t cache_differs_at = -1;  // as Usage has it
};

struct Plan {
  std::vector<SequenceId> preempted;  // give their pages back and return to the queue
  std::vector<Admission> admitted;    // in this order
  std::vector<Chunk> chunks;          // admitted ones included; decode rows first

  bool empty() const { return chunks.empty(); }
  int32_t row_count() const;
};

// "preempt 9 | admit 7(256) | 3@41+1* 7@256+100": 9 goes back to the queue, sequence 3 decodes position 41 and samples,
// 7 goes on with its prompt behind 256 cached tokens.
std::string to_string(const Plan& plan);

}  // namespace mlxserving::scheduler
