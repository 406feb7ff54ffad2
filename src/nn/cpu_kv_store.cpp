#include "nn/cpu_kv_store.h"

#include <cstring>

#include "core/check.h"

namespace mlxserving::nn {
namespace {

static_assert(kPageTokens == kernels::kPageTokens);

kernels::KvType kernel_type(KvType type) {
  switch (type) {
    case KvType::f32: return kernels::KvType::f32;
    case KvType::bf16: return kernels::KvType::bf16;
    case KvType::f16: return kernels::KvType::f16;
    case KvType::int8: return kernels::KvType::int8;
  }
  return kernels::KvType::f32;
}

}  // namespace

CpuKvStore::CpuKvStore(const KvLayout& layout, std::span<const int32_t> pages, KvType type)
    : layout_(layout), pages_(pages.begin(), pages.end()) {
  check(pages_.size() == layout.windows.size(), "a number of pages for each layer group");
  for (const auto& layer : layout.layers) {
    kernels::KvPool pool{.data = nullptr, .page_bytes = 0, .head_dim = layer.head_dim, .type = kernel_type(type)};
    pool.page_bytes = layer.kv_heads * pool.head_bytes();
    check(pool.page_bytes == kPageTokens * kv_token_bytes(layer, type), "a page is its tokens");
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

void CpuKvStore::copy_page(int group, int32_t from, int32_t to) {
  for (size_t layer = 0; layer < pools_.size(); ++layer) {
    if (layout_.layers[layer].group != group) continue;
    const kernels::KvPool& pool = pools_[layer];
    std::memcpy(pool.data + to * pool.page_bytes, pool.data + from * pool.page_bytes,
                static_cast<size_t>(pool.page_bytes));
  }
}

int64_t CpuKvStore::page_bytes(int group) const {
  int64_t bytes = 0;
  for (size_t layer = 0; layer < pools_.size(); ++layer) {
    if (layout_.layers[layer].group == group) bytes += pools_[layer].page_bytes;
  }
  return bytes;
}

void CpuKvStore::read_page(int group, int32_t page, std::span<uint8_t> bytes) {
  check(static_cast<int64_t>(bytes.size()) == page_bytes(group), "room for a page");
  uint8_t* to = bytes.data();
  for (size_t layer = 0; layer < pools_.size(); ++layer) {
    if (layout_.layers[layer].group != group) continue;
    const kernels::KvPool& pool = pools_[layer];
    std::memcpy(to, pool.data + page * pool.page_bytes, static_cast<size_t>(pool.page_bytes));
    to += pool.page_bytes;
  }
}

void CpuKvStore::write_page(int group, int32_t page, std::span<const uint8_t> bytes) {
  check(static_cast<int64_t>(bytes.size()) == page_bytes(group), "the bytes of a page");
  const uint8_t* from = bytes.data();
  for (size_t layer = 0; layer < pools_.size(); ++layer) {
    if (layout_.layers[layer].group != group) continue;
    const kernels::KvPool& pool = pools_[layer];
    std::memcpy(pool.data + page * pool.page_bytes, from, static_cast<size_t>(pool.page_bytes));
    from += pool.page_bytes;
  }
}

}  // namespace mlxserving::nn
