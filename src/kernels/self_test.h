// The kernels of this machine against the scalar ones, in a few milliseconds: for reports about a machine, and for one
// that computes wrongly. The tests compare far more.
#pragma once

#include <string>
#include <vector>

namespace mlxserving::kernels {

struct SelfTestRow {
  std::string isa;
  std::string kernel;
  std::string weights;  // "4-bit affine", "bf16"
  double error = 0;     // of y against scalar in f32, relative to its length
  double allowed = 0;
  bool ok() const { return error <= allowed; }
};

// Decoding and prefill, exact and standard numerics, of every instruction set this CPU runs.
std::vector<SelfTestRow> self_test();

}  // namespace mlxserving::kernels
