// The op layer over our own CPU kernels, each op one MLX primitive: activations in f32, weights as the file has them.
#pragma once

#include <memory>
#include <string>

#include "kernels/kernels.h"
#include "mlxserving/error.h"
#include "nn/ops.h"
#include "nn/weight_memory.h"

namespace mlxserving::nn {

struct CpuOptions {
  int threads = 0;  // 0: kernels::default_thread_count()
  kernels::Numerics numerics = kernels::Numerics::standard;
  WeightPlacement weights = WeightPlacement::automatic;
  const kernels::Kernels* kernels = nullptr;  // null: what MLXS_FORCE_ISA names, or the best of this CPU
};

// The kernels that a matrix gets on this CPU, for reports.
struct KernelChoice {
  std::string isa;
  std::string decode;
  std::string prefill;
};
// Errors: those of MLXS_FORCE_ISA.
Result<KernelChoice> choose_kernels_for(const LinearTensors& tensors, kernels::Numerics numerics);

// Uses the calling thread's default CPU stream: call from the thread that will evaluate. The ops may be destroyed while
// arrays built by them still wait for evaluation. Errors: invalid_request for options out of range or an instruction
// set this CPU lacks.
Result<std::unique_ptr<Ops>> make_cpu_ops(const CpuOptions& options = {});

}  // namespace mlxserving::nn
