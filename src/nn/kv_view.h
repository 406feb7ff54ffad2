// The KV cache as models see it: layers in groups of one window, pages in pools sized at load.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nn/step.h"

namespace mlxserving::nn {

// int8: half of the bytes of bf16, with a scale a token and head. CPU only.
enum class KvType : uint8_t { f32, bf16, f16, int8 };

struct KvLayer {
  int kv_heads = 0;
  int head_dim = 0;  // of keys and of values
  int group = 0;     // index into KvLayout::windows
};

// What a model remembers of a token. Layers with the same window form a group and share page tables, so that a sliding
// layer keeps a ring of pages while a global one keeps them all.
struct KvLayout {
  std::vector<KvLayer> layers;
  std::vector<int32_t> windows;  // [group]: tokens a row may look back to, itself included; 0: all
};

// Bytes that the keys and values of one token take in a layer.
constexpr int64_t kv_token_bytes(const KvLayer& layer, KvType type) {
  const int64_t elements = int64_t{2} * layer.kv_heads * layer.head_dim;
  switch (type) {
    case KvType::f32: return elements * 4;
    case KvType::bf16:
    case KvType::f16: return elements * 2;
    case KvType::int8: return elements + int64_t{2} * layer.kv_heads * 4;
  }
  return 0;
}

// The pools: for each layer, `pages[its group]` pages of kPageTokens keys and values. Made by Ops, lives on the engine
// thread, read and written by Ops::attention, and between steps by whole pages.
class KvStore {
 public:
  virtual ~KvStore() = default;
  virtual int64_t bytes() const = 0;

  // Page `to` of every layer of the group becomes equal to page `from`. Between steps.
  virtual void copy_page(int group, int32_t from, int32_t to) = 0;

  // A page's bytes in every layer of the group, one layer after another: page_bytes(group) of them. Between steps.
  virtual int64_t page_bytes(int group) const = 0;
  virtual void read_page(int group, int32_t page, std::span<uint8_t> bytes) = 0;
  virtual void write_page(int group, int32_t page, std::span<const uint8_t> bytes) = 0;
};

// One layer of the cache in one step.
struct KvView {
  KvStore& store;
  int layer = 0;
  const Step& step;
};

}  // namespace mlxserving::nn
