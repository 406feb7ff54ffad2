// The KV pools of the CPU: memory of our own, not arrays, so that nothing ever copies or moves them.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "kernels/aligned_buffer.h"
#include "kernels/kernels.h"
#include "nn/kv_view.h"

namespace mlxserving::nn {

class CpuKvStore final : public KvStore {
 public:
  CpuKvStore(const KvLayout& layout, std::span<const int32_t> pages, KvType type);

  int64_t bytes() const override;
  void copy_page(int group, int32_t from, int32_t to) override;
  int64_t page_bytes(int group) const override;
  void read_page(int group, int32_t page, std::span<uint8_t> bytes) override;
  void write_page(int group, int32_t page, std::span<const uint8_t> bytes) override;
  const kernels::KvPool& pool(int layer) const { return pools_[static_cast<size_t>(layer)]; }
  int group(int layer) const { return layout_.layers[static_cast<size_t>(layer)].group; }
  int32_t window(int layer) const { return layout_.windows[static_cast<size_t>(group(layer))]; }
  int32_t pages(int layer) const { return pages_[static_cast<size_t>(group(layer))]; }

 private:
  KvLayout layout_;
  std::vector<int32_t> pages_;                               // [group]
  std::vector<std::unique_ptr<kernels::HugePages>> memory_;  // [layer]
  std::vector<kernels::KvPool> pools_;                       // [layer]
};

}  // namespace mlxserving::nn
