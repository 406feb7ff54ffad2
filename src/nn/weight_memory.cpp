#include "nn/weight_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "core/check.h"
#include "kernels/dispatch.h"

namespace mlxserving::nn {
namespace {

constexpr size_t kBlockBytes = size_t{256} << 20U;  // of address space: pages that are not filled cost nothing
constexpr size_t kLine = 64;
constexpr size_t kSliceBytes = size_t{1} << 20U;  // what one task copies

size_t rounded_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

// Asks for large pages and for all of them at once, which a system may refuse: then they come one by one.
void expect_reads(std::span<const std::byte> bytes) {
#if defined(MADV_HUGEPAGE) && defined(MADV_POPULATE_READ)
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = reinterpret_cast<uintptr_t>(bytes.data()) / page * page;
  const size_t length = reinterpret_cast<uintptr_t>(bytes.data() + bytes.size()) - begin;
  auto* pages = reinterpret_cast<void*>(begin);  // NOLINT(performance-no-int-to-ptr)
  madvise(pages, length, MADV_HUGEPAGE);
  madvise(pages, length, MADV_POPULATE_READ);
#else
  (void)bytes;
#endif
}

}  // namespace

std::string_view to_string(WeightPlacement placement) {
  switch (placement) {
    case WeightPlacement::map: return "map";
    case WeightPlacement::copy: return "copy";
    case WeightPlacement::automatic: return "auto";
  }
  return "auto";
}

WeightPlacement resolved(WeightPlacement placement) {
  if (placement != WeightPlacement::automatic) return placement;
  return kernels::gains_by_large_pages() ? WeightPlacement::copy : WeightPlacement::map;
}

KeptBytes WeightMemory::keep(const format::Tensor& tensor) {
  check(placement_ != WeightPlacement::automatic, "a placement that was decided");
  const auto* source = reinterpret_cast<const uint8_t*>(tensor.bytes.data());
  const size_t bytes = tensor.bytes.size();
  if (bytes == 0) return {source, tensor.owner};
  if (placement_ == WeightPlacement::map) {
    expect_reads(tensor.bytes);
    return {source, tensor.owner};
  }
  uint8_t* copy = reserve(bytes);
  pool_.run(static_cast<int>((bytes + kSliceBytes - 1) / kSliceBytes), [&](int slice, int) {
    const size_t begin = static_cast<size_t>(slice) * kSliceBytes;
    std::memcpy(copy + begin, source + begin, std::min(kSliceBytes, bytes - begin));
  });
  return {copy, block_};
}

uint8_t* WeightMemory::reserve(size_t bytes) {
  const size_t begin = rounded_up(used_, kLine);
  if (block_ && begin + bytes <= block_->size()) {
    used_ = begin + bytes;
    return block_->data() + begin;
  }
  block_ = std::make_shared<kernels::HugePages>(std::max(bytes, kBlockBytes));
  used_ = bytes;
  return block_->data();
}

}  // namespace mlxserving::nn
