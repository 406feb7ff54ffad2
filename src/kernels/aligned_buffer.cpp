#include "kernels/aligned_buffer.h"

#include <sys/mman.h>

#include <new>

namespace mlxserving::kernels {
namespace {

constexpr std::align_val_t kAlignment{64};  // a cache line, a ZMM register
constexpr size_t kHugePage = size_t{2} << 20U;

size_t rounded_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

}  // namespace

AlignedBuffer::~AlignedBuffer() { ::operator delete(data_, kAlignment); }

uint8_t* AlignedBuffer::bytes(size_t bytes) {
  if (bytes <= size_) return data_;
  const size_t grown = rounded_up(bytes + bytes / 4, 4096);
  auto* fresh = static_cast<uint8_t*>(::operator new(grown, kAlignment));
  ::operator delete(data_, kAlignment);
  data_ = fresh;
  size_ = grown;
  return data_;
}

HugePages::HugePages(size_t bytes) : mapped_(rounded_up(bytes, kHugePage) + kHugePage), size_(bytes) {
  mapping_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping_ == MAP_FAILED) throw std::bad_alloc();
  const auto address = reinterpret_cast<uintptr_t>(mapping_);
  data_ = reinterpret_cast<uint8_t*>(rounded_up(address, kHugePage));  // NOLINT(performance-no-int-to-ptr)
#if defined(MADV_HUGEPAGE)
  madvise(data_, rounded_up(bytes, kHugePage), MADV_HUGEPAGE);  // a wish: without it the pages are small
#endif
}

HugePages::~HugePages() { munmap(mapping_, mapped_); }

}  // namespace mlxserving::kernels
