// The inner loops of machine_limits: one instruction again and again, or nothing but loads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace mlxserving::kernels {

constexpr size_t kLoopOperandBytes = 4096;  // the first-level cache holds them

struct MultiplyLoop {
  const char* unit;
  bool (*runs_here)();
  double operations;  // of one call
  void (*run)(const uint8_t* operands);
  uint64_t mask;  // operands are random & mask | set: numbers that stay finite; 0: any bits
  uint64_t set;
};
std::span<const MultiplyLoop> multiply_loops();

// Reads `bytes` bytes, `streams` parts of them at once; the result keeps the loads alive.
uint64_t read_streams(const uint8_t* data, size_t bytes, int streams);

}  // namespace mlxserving::kernels
