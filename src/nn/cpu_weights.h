// Weights for the CPU kernels: the file's bytes, in place or copied, and what little is converted at load.
#pragma once

#include <memory>
#include <vector>

#include "kernels/kernels.h"
#include "nn/ops.h"
#include "nn/weight_memory.h"

namespace mlxserving::nn {

// What the kernels see of a linear layer's tensors, without the places of their bytes. Throws BrokenInvariant where
// they contradict each other.
kernels::Matrix matrix_of(const LinearTensors& tensors);

class CpuLinear final : public LinearWeights {
 public:
  CpuLinear(const LinearTensors& tensors, WeightMemory& memory, const kernels::Kernels& kernels,
            kernels::Numerics numerics);

  const kernels::Matrix& matrix() const { return matrix_; }
  const kernels::LinearKernels& kernels() const { return kernels_; }

 private:
  KeptBytes weight_;
  KeptBytes scales_;
  KeptBytes biases_;
  std::vector<float> bias_;
  kernels::Matrix matrix_;
  kernels::LinearKernels kernels_;
};

class CpuNorm final : public NormWeights {
 public:
  CpuNorm(const format::Tensor& weight, float eps, float weight_offset, const kernels::Kernels& kernels);

  const float* weight() const { return weight_.data(); }
  int width() const { return static_cast<int>(weight_.size()); }
  float eps() const { return eps_; }

 private:
  std::vector<float> weight_;
  float eps_;
};

class CpuRope final : public RopeTable {
 public:
  explicit CpuRope(RopeSpec spec) : spec_(std::move(spec)) {}
  const RopeSpec& spec() const { return spec_; }

 private:
  RopeSpec spec_;
};

// What CpuOps made comes back to it: there is one op layer a model.
inline const CpuLinear& cpu(const Linear& w) { return static_cast<const CpuLinear&>(*w); }
inline const CpuNorm& cpu(const Norm& w) { return static_cast<const CpuNorm&>(*w); }
inline const CpuRope& cpu(const Rope& w) { return static_cast<const CpuRope&>(*w); }

}  // namespace mlxserving::nn
