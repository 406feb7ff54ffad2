#include "nn/mlx_kv_store.h"

#include <mlx/ops.h>

#include <algorithm>
#include <cstring>

#include "core/check.h"

namespace mlxserving::nn {

namespace mx = mlx::core;

namespace {

// Where position `position` lies in a pool, by the rule of PageTable.
int32_t slot(const PageTable& pages, int32_t position) {
  const auto page = static_cast<size_t>(position / kPageTokens) % pages.size();
  return pages[page] * kPageTokens + position % kPageTokens;
}

mx::array slots(const PageTable& pages, int32_t begin, int32_t end) {
  std::vector<int32_t> out;
  for (int32_t position = begin; position < end; ++position) out.push_back(slot(pages, position));
  return mx::array(out.begin(), mx::Shape{static_cast<int>(out.size())}, mx::int32);
}

}  // namespace

MlxKvStore::MlxKvStore(const KvLayout& layout, std::span<const int32_t> pages, mx::Dtype dtype) : layout_(layout) {
  check(pages.size() == layout.windows.size(), "a pool size for each layer group");
  for (const KvLayer& layer : layout.layers) {
    const mx::Shape shape{pages[static_cast<size_t>(layer.group)] * kPageTokens, layer.kv_heads, layer.head_dim};
    layers_.push_back({.keys = mx::zeros(shape, dtype), .values = mx::zeros(shape, dtype)});
    layers_.back().keys.eval();
    layers_.back().values.eval();
  }
}

int64_t MlxKvStore::bytes() const {
  int64_t sum = 0;
  for (const Layer& layer : layers_) sum += static_cast<int64_t>(layer.keys.nbytes() + layer.values.nbytes());
  return sum;
}

mx::array MlxKvStore::page_of(const mx::array& pool, int32_t page) {
  return mx::slice(pool, mx::Shape{page * kPageTokens, 0, 0},
                   mx::Shape{(page + 1) * kPageTokens, pool.shape(1), pool.shape(2)});
}

void MlxKvStore::set_page(mx::array& pool, int32_t page, const mx::array& values) {
  pool = mx::slice_update(pool, values, mx::Shape{page * kPageTokens, 0, 0},
                          mx::Shape{(page + 1) * kPageTokens, pool.shape(1), pool.shape(2)});
}

// Keys and values of the group's layers, in their order.
std::vector<mx::array*> MlxKvStore::pools_of(int group) {
  std::vector<mx::array*> pools;
  for (size_t layer = 0; layer < layers_.size(); ++layer) {
    if (layout_.layers[layer].group != group) continue;
    pools.push_back(&layers_[layer].keys);
    pools.push_back(&layers_[layer].values);
  }
  return pools;
}

void MlxKvStore::copy_page(int group, int32_t from, int32_t to) {
  for (mx::array* pool : pools_of(group)) set_page(*pool, to, page_of(*pool, from));
}

int64_t MlxKvStore::page_bytes(int group) const {
  int64_t bytes = 0;
  for (const mx::array* pool : const_cast<MlxKvStore*>(this)->pools_of(group)) {
    bytes += int64_t{kPageTokens} * pool->shape(1) * pool->shape(2) * static_cast<int64_t>(pool->itemsize());
  }
  return bytes;
}

void MlxKvStore::read_page(int group, int32_t page, std::span<uint8_t> bytes) {
  uint8_t* to = bytes.data();
  for (mx::array* pool : pools_of(group)) {
    mx::array values = mx::contiguous(page_of(*pool, page));
    values.eval();
    std::memcpy(to, values.data<uint8_t>(), values.nbytes());
    to += values.nbytes();
  }
}

void MlxKvStore::write_page(int group, int32_t page, std::span<const uint8_t> bytes) {
  const uint8_t* from = bytes.data();
  for (mx::array* pool : pools_of(group)) {
    const mx::Shape shape{kPageTokens, pool->shape(1), pool->shape(2)};
    const int size = kPageTokens * pool->shape(1) * pool->shape(2) * static_cast<int>(pool->itemsize());
    const mx::array raw(from, mx::Shape{size}, mx::uint8);
    set_page(*pool, page, mx::reshape(mx::view(raw, pool->dtype()), shape));
    pool->eval();
    from += size;
  }
}

int32_t MlxKvStore::window(int layer) const {
  return layout_.windows[static_cast<size_t>(layout_.layers[static_cast<size_t>(layer)].group)];
}

const PageTable& MlxKvStore::table(int layer, const Segment& segment) const {
  const PageTable& pages =
      segment.page_tables.at(static_cast<size_t>(layout_.layers[static_cast<size_t>(layer)].group));
  check(!pages.empty(), "a segment has pages in every layer group");
  return pages;
}

void MlxKvStore::append(int layer, const Step& step, const mx::array& keys, const mx::array& values) {
  std::vector<int32_t> targets;
  for (const Segment& segment : step.segments) {
    const PageTable& pages = table(layer, segment);
    const int32_t oldest = window(layer) == 0 ? 0 : std::max(0, segment.position_begin - window(layer) + 1);
    const int32_t newest = segment.position_begin + segment.row_count - 1;
    check(newest / kPageTokens - oldest / kPageTokens < static_cast<int32_t>(pages.size()),
          "a page table holds every page that a step reads");
    for (int32_t i = 0; i < segment.row_count; ++i) targets.push_back(slot(pages, segment.position_begin + i));
  }
  const mx::array rows(targets.begin(), mx::Shape{static_cast<int>(targets.size())}, mx::int32);
  const auto written = [&](const mx::array& pool, const mx::array& x) {
    return mx::scatter(pool, rows, mx::expand_dims(mx::astype(x, pool.dtype()), 1), 0);
  };
  Layer& pools = layers_[static_cast<size_t>(layer)];
  pools.keys = written(pools.keys, keys);
  pools.values = written(pools.values, values);
}

std::pair<mx::array, mx::array> MlxKvStore::read(int layer, const Segment& segment, int32_t begin, int32_t end) const {
  const mx::array rows = slots(table(layer, segment), begin, end);
  const auto taken = [&](const mx::array& pool) {
    return mx::expand_dims(mx::transpose(mx::take(pool, rows, 0), {1, 0, 2}), 0);
  };
  const Layer& pools = layers_[static_cast<size_t>(layer)];
  return {taken(pools.keys), taken(pools.values)};
}

}  // namespace mlxserving::nn
