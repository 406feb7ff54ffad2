// The KV pools of MlxOps: two arrays a layer, replaced by each step's append so that the next step depends on it. While
// nobody else holds them, MLX writes in place.
#pragma once

#include <mlx/array.h>

#include <span>
#include <utility>
#include <vector>

#include "nn/kv_view.h"

namespace mlxserving::nn {

class MlxKvStore final : public KvStore {
 public:
  MlxKvStore(const KvLayout& layout, std::span<const int32_t> pages, mlx::core::Dtype dtype);

  int64_t bytes() const override;
  void copy_page(int group, int32_t from, int32_t to) override;
  int64_t page_bytes(int group) const override;
  void read_page(int group, int32_t page, std::span<uint8_t> bytes) override;
  void write_page(int group, int32_t page, std::span<const uint8_t> bytes) override;
  int32_t window(int layer) const;

  // Puts the step's rows where their segments' tables say. keys, values: [rows, kv_heads, head_dim].
  void append(int layer, const Step& step, const mlx::core::array& keys, const mlx::core::array& values);

  // Keys and values of positions [begin, end) of a segment's sequence: [1, kv_heads, end - begin, head_dim] each.
  std::pair<mlx::core::array, mlx::core::array> read(int layer, const Segment& segment, int32_t begin,
                                                     int32_t end) const;

 private:
  struct Layer {
    mlx::core::array keys;  // [pages * kPageTokens, kv_heads, head_dim]
    mlx::core::array values;
  };

  static mlx::core::array page_of(const mlx::core::array& pool, int32_t page);
  static void set_page(mlx::core::array& pool, int32_t page, const mlx::core::array& values);
  std::vector<mlx::core::array*> pools_of(int group);
  const PageTable& table(int layer, const Segment& segment) const;

  KvLayout layout_;
  std::vector<Layer> layers_;
};

}  // namespace mlxserving::nn
