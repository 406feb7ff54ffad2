// Where the bytes of weights lie while they are used: in the mapped file, or copied once to memory on 2 MiB pages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "format/tensor.h"
#include "kernels/aligned_buffer.h"
#include "kernels/thread_pool.h"

namespace mlxserving::nn {

// map: ready at once, shared with other processes, pages of the file system's size. copy: as much memory again while
// loading, but large pages and aligned rows: SmolLM2 decodes 18 % faster on Zen 5 (Intel: equal). automatic: copy on
// AMD.
enum class WeightPlacement : uint8_t { map, copy, automatic };

std::string_view to_string(WeightPlacement placement);  // "map", "copy", "auto"

// What `automatic` means on this machine; the others stay what they are.
WeightPlacement resolved(WeightPlacement placement);

// Bytes that stay where they are as long as `owner` lives.
struct KeptBytes {
  const uint8_t* data = nullptr;
  std::shared_ptr<const void> owner;
};

// Used while loading, on the engine thread.
class WeightMemory {
 public:
  // `placement` is resolved already.
  WeightMemory(WeightPlacement placement, kernels::ThreadPool& pool) : placement_(placement), pool_(pool) {}

  // The tensor's bytes, on a cache line's boundary if copied. Throws std::bad_alloc.
  KeptBytes keep(const format::Tensor& tensor);

 private:
  uint8_t* reserve(size_t bytes);

  WeightPlacement placement_;
  kernels::ThreadPool& pool_;
  std::shared_ptr<kernels::HugePages> block_;  // what is being filled; kept alive by what lies in it
  size_t used_ = 0;
};

}  // namespace mlxserving::nn
