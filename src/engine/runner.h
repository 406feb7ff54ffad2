// Plan → tensors → logits: the one place where the scheduler's numbers become a step of the model.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/faults.h"
#include "mlxserving/error.h"
#include "models/model.h"
#include "nn/ops.h"
#include "scheduler/scheduler.h"

namespace mlxserving::engine {

// What a chunk of the plan stands for: its tokens, [token_count].
struct ChunkTokens {
  scheduler::Chunk chunk;
  std::span<const int32_t> tokens;
};

// The logits of a step's sampling chunks, in their order: [sampling chunks, vocabulary_size], f32.
struct StepLogits {
  std::vector<float> values;
  int32_t vocabulary_size = 0;

  std::span<float> row(size_t i) {
    return {values.data() + i * static_cast<size_t>(vocabulary_size), static_cast<size_t>(vocabulary_size)};
  }
};

// Owns nothing but scratch; lives on the engine thread.
class Runner {
 public:
  // `faults` may be null.
  Runner(const models::Model& model, nn::Ops& ops, nn::KvStore& kv, Faults* faults = nullptr)
      : model_(model), ops_(ops), kv_(kv), faults_(faults) {}

  // Runs one step. An Error is a kernel's or MLX's: the step's rows are lost, the runner itself stays usable.
  Result<StepLogits> run(std::span<const ChunkTokens> chunks, const scheduler::Scheduler& pages);

 private:
  Result<StepLogits> evaluate(const nn::Step& step);

  const models::Model& model_;
  nn::Ops& ops_;
  nn::KvStore& kv_;
  Faults* faults_;
};

}  // namespace mlxserving::engine
