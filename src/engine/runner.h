// Plan → tensors → numbers: the one place where the scheduler's plan becomes a step of the model.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "engine/faults.h"
#include "mlxserving/error.h"
#include "models/model.h"
#include "nn/ops.h"
#include "scheduler/scheduler.h"

namespace mlxserving::engine {

// What the rows of a chunk must give.
enum class RowOutput : uint8_t {
  next,    // the last row's logits, if the chunk samples
  logits,  // all rows' logits
  hidden,  // all rows' last hidden states, after the final norm
};

// What a chunk of the plan stands for: its tokens, [token_count].
struct ChunkTokens {
  scheduler::Chunk chunk;
  std::span<const int32_t> tokens;
  RowOutput output = RowOutput::next;
};

// Rows of f32, [count][width].
struct OutputRows {
  const float* values = nullptr;
  int32_t count = 0;
  int32_t width = 0;

  std::span<const float> row(int32_t i) const {
    return {values + static_cast<int64_t>(i) * width, static_cast<size_t>(width)};
  }
  std::span<const float> last() const { return row(count - 1); }
};

struct StepOutput {
  std::vector<OutputRows> chunks;                   // as the step's; `logits` ends with the row that samples
  std::vector<std::shared_ptr<const void>> owners;  // of the values
};

// Lives on the engine thread.
class Runner {
 public:
  virtual ~Runner() = default;

  // Makes the copies, then runs one step. An Error is a kernel's or MLX's: the step's rows are lost, the runner itself
  // stays usable. `pages` tells the chunks' page tables.
  virtual Result<StepOutput> run(std::span<const ChunkTokens> chunks, std::span<const scheduler::PageCopy> copies,
                                 const scheduler::Scheduler& pages) = 0;

  // As nn::Ops has them: work between steps, on the threads that compute steps.
  virtual int threads() const { return 1; }
  virtual void for_each(int count, const std::function<void(int index, int thread)>& task) {
    for (int i = 0; i < count; ++i) task(i, 0);
  }
};

// Owns nothing but scratch.
class ModelRunner final : public Runner {
 public:
  // `faults` may be null.
  ModelRunner(const models::Model& model, nn::Ops& ops, nn::KvStore& kv, Faults* faults = nullptr)
      : model_(model), ops_(ops), kv_(kv), faults_(faults) {}

  Result<StepOutput> run(std::span<const ChunkTokens> chunks, std::span<const scheduler::PageCopy> copies,
                         const scheduler::Scheduler& pages) override;
  int threads() const override { return ops_.threads(); }
  void for_each(int count, const std::function<void(int index, int thread)>& task) override {
    ops_.for_each(count, task);
  }

 private:
  void run_rows(std::span<const ChunkTokens> chunks, bool hidden, const scheduler::Scheduler& pages,
                StepOutput& output);
  std::shared_ptr<const mlx::core::array> evaluate(const nn::Step& step, bool hidden);

  const models::Model& model_;
  nn::Ops& ops_;
  nn::KvStore& kv_;
  Faults* faults_;
};

}  // namespace mlxserving::engine
