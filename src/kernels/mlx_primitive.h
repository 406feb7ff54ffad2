// The one place where our code meets MLX's CPU stream: wraps a function over raw memory as a graph node. MLX leaks and
// later hangs when a closure on its stream throws, so ours never does: the first fault of a step waits in a slot.
#pragma once

#include <mlx/array.h>
#include <mlx/stream.h>

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "mlxserving/error.h"

namespace mlxserving::kernels {

// Written by whichever thread runs bodies, read by the engine thread after evaluation.
class ErrorSlot {
 public:
  void store(Error error);  // keeps the first
  std::optional<Error> take();
  bool is_empty() const;

 private:
  mutable std::mutex mutex_;
  std::optional<Error> error_;
};

// Memory of a node, row-contiguous: inputs in the order given, outputs in the order of their shapes.
struct Buffers {
  std::vector<const void*> inputs;
  std::vector<void*> outputs;

  const float* input(size_t i) const { return static_cast<const float*>(inputs[i]); }
  float* output(size_t i) const { return static_cast<float*>(outputs[i]); }
};

struct PrimitiveSpec {
  const char* name;  // lives for ever; what graph walks see
  std::vector<mlx::core::Shape> shapes;
  std::vector<mlx::core::Dtype> dtypes;  // as many
  std::function<void(const Buffers&)> body;
};

// One array for each shape. When MLX evaluates it, `body` runs on the stream's thread; what it throws goes to `errors`
// and the outputs become zero. Nodes after the first fault of a slot do not run, their outputs are zero too. Inputs
// that are not row-contiguous throw std::invalid_argument out of eval, on the caller's thread, where that is safe.
std::vector<mlx::core::array> make_primitive(PrimitiveSpec spec, const std::vector<mlx::core::array>& inputs,
                                             std::shared_ptr<ErrorSlot> errors, mlx::core::Stream stream);

// Evaluates `x` as mlx::core::eval does, but bodies of primitives made here run on the calling thread, one after
// another: waking a stream and being woken again would cost a small model several percent of a step. What else the
// graph holds, and all that lies below it, MLX evaluates.
void evaluate(mlx::core::array x);

// Seconds that bodies of primitives have run in this process: what of a step is kernels, and what is around them.
double primitive_seconds();

}  // namespace mlxserving::kernels
