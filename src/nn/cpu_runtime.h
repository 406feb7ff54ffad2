// What the CPU ops compute, on plain rows of floats: called from primitives, on the thread that evaluates, one at a
// time.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <vector>

#include "kernels/attention.h"
#include "kernels/kernels.h"
#include "kernels/linear.h"
#include "kernels/thread_pool.h"
#include "nn/cpu_kv_store.h"
#include "nn/cpu_weights.h"
#include "nn/ops.h"

namespace mlxserving::nn {

// Rows [begin, end) of one role.
struct RoleRun {
  int begin;
  int end;
  RowRole role;
};

// cos and sin of every row of a step, times the rope's scale: [rows, dims / 2] each.
struct Rotation {
  int dims = 0;
  std::vector<float> cos;
  std::vector<float> sin;
};

// What the primitives of a step share, copied from the Step when it begins.
class StepRows {
 public:
  explicit StepRows(const Step& step);

  int rows() const { return static_cast<int>(positions_.size()); }
  // The runs of an x of `count` rows: the step's own, or one of decode rows.
  std::vector<RoleRun> runs(int count) const;
  // Made at the first call for a rope; null rope: no rotation. Engine thread.
  std::shared_ptr<const Rotation> rotation(const Rope& rope);

 private:
  std::vector<int32_t> positions_;
  std::vector<RoleRun> runs_;
  std::map<const RopeTable*, std::shared_ptr<const Rotation>> rotations_;
};

// An attention over one layer of the cache; its norms and the cache are borrowed until it has run.
struct AttentionCall {
  kernels::AttentionShape shape;
  kernels::KvPool pool;
  std::vector<kernels::AttentionSegment> segments;
  std::shared_ptr<const Rotation> rotation;
};

class CpuRuntime {
 public:
  CpuRuntime(const kernels::Kernels& kernels, int threads) : kernels_(kernels), pool_(threads) {}

  const kernels::Kernels& kernels() const { return kernels_; }
  kernels::ThreadPool& pool() { return pool_; }

  struct Output {
    const CpuLinear& w;
    float* y;  // [rows, out]
  };

  void embed(std::span<const int32_t> tokens, const CpuLinear& table, float scale, float* out);
  void multiply(const float* x, std::span<const RoleRun> runs, std::span<const Output> outputs);
  void rms_norm(const float* x, int rows, const CpuNorm& norm, float* out);  // out may be x
  void add(const float* x, const float* y, int64_t count, float* out);
  void gate(Activation activation, const float* gate, const float* up, int64_t count, float* out);
  void soft_cap(const float* x, float cap, int64_t count, float* out);
  void attend(const AttentionCall& call, const float* q, const float* k, const float* v, int rows, float* out);

  void attention_block(const AttentionBlock& block, const AttentionCall& call, std::span<const RoleRun> runs,
                       const float* x, float* out);
  void mlp_block(const MlpBlock& block, std::span<const RoleRun> runs, const float* x, float* out);
  // `calls`: one a layer.
  void decoder_layers(std::span<const DecoderLayer> layers, std::span<const AttentionCall> calls,
                      std::span<const RoleRun> runs, const float* x, float* out);

 private:
  template <typename Work>
  void for_ranges(int64_t count, int64_t unit, Work work);
  void add_residual(const float* x, const Norm& norm, int rows, int width, float* out);

  const kernels::Kernels& kernels_;
  kernels::ThreadPool pool_;
  kernels::Workspace workspace_;
  kernels::AlignedBuffer blocks_[5];  // what the composites keep between their parts
};

}  // namespace mlxserving::nn
