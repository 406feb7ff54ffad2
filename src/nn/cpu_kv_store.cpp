#include "nn/cpu_kv_store.h"

#include "core/check.h"

namespace mlxserving::nn {
namespace {

static_assert(kPageTokens == kernels::kPageTokens);

kernels::Float float_of(KvType type) {
  switch (type) {
    case KvType::f32: return kernels::Float::f32;
    case KvType::bf16: return kernels::Float::bf16;
    case KvType::f16: return kernels::Float::f16;
  }
  return kernels::Float::f32;
}

}  // namespace

CpuKvStore::CpuKvStore(const KvLayout& layout, std::span<const int32_t> pages, KvType type)
    : layout_(layout), pages_(pages.begin(), pages.end()) {
  check(pages_.size() == layout.windows.size(), "a number of pages for each layer group");
  for (const auto& layer : layout.layers) {
    kernels::KvPool pool{.data = nullptr, .page_bytes = 0, .head_dim = layer.head_dim, .type = float_of(type)};
    pool.page_bytes = layer.kv_heads * pool.head_bytes();
    const auto count = static_cast<size_t>(pages_[static_cast<size_t>(layer.group)]);
    memory_.push_back(std::make_unique<kernels::HugePages>(count * static_cast<size_t>(pool.page_bytes)));
    pool.data = memory_.back()->data();
    pools_.push_back(pool);
  }
}

int64_t CpuKvStore::bytes() const {
  int64_t bytes = 0;
  for (const auto& memory : memory_) bytes += static_cast<int64_t>(memory->size());
  return bytes;
}

}  // namespace mlxserving::nn
