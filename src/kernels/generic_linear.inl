// The product in f32, for every packing: rows of weights become f32 in scratch (or are widened on the way when dense),
// blocks of weight rows times blocks of tokens stay in registers. Decode and prefill rows have the same bits.
#include "kernels/generic_weights.inl"

// Where weight row r of a block is read: f32 in scratch, or dense in the file.
template <Float kType>
struct RowBlock {
  const uint8_t* data;
  int64_t row_bytes;

  V::F at(int row, int64_t k) const { return V::load_as<kType>(data + row * row_bytes + k * bytes_of(kType)); }
  V::F part_at(int row, int64_t k, int rest) const {
    return V::load_part_as<kType>(data + row * row_bytes + k * bytes_of(kType), rest);
  }
};

// y[t][r] for kRows weight rows and kTokens tokens: one accumulator each, in the order of k.
template <int kRows, int kTokens, typename W>
void multiply_block(const W& w, const float* x, int64_t x_stride, int64_t columns, const float* bias, float* y,
                    int64_t y_stride) {
  V::F sums[kTokens][kRows];
  for (auto& token : sums) {
    for (auto& sum : token) sum = V::set(0);
  }
  const auto accumulate = [&](auto load_w, auto load_x) {
    V::F weights[kRows];
    for (int r = 0; r < kRows; ++r) weights[r] = load_w(r);
    for (int t = 0; t < kTokens; ++t) {
      const V::F v = load_x(x + t * x_stride);
      for (int r = 0; r < kRows; ++r) sums[t][r] = V::fma(weights[r], v, sums[t][r]);
    }
  };
  int64_t k = 0;
  for (; k + V::kWidth <= columns; k += V::kWidth) {
    accumulate([&](int r) { return w.at(r, k); }, [k](const float* p) { return V::load(p + k); });
  }
  if (k < columns) {
    const int rest = static_cast<int>(columns - k);
    accumulate([&](int r) { return w.part_at(r, k, rest); }, [=](const float* p) { return V::load_part(p + k, rest); });
  }
  for (int t = 0; t < kTokens; ++t) {
    for (int r = 0; r < kRows; ++r) y[t * y_stride + r] = V::sum(sums[t][r]) + (bias != nullptr ? bias[r] : 0.0F);
  }
}

// All tokens against kRows weight rows.
template <int kRows, int kTokens, typename W>
void multiply_tokens(const W& w, Rows x, int64_t columns, const float* bias, float* y, int64_t y_stride) {
  for (; x.count >= kTokens; x.count -= kTokens, x.data += kTokens * x.stride, y += kTokens * y_stride) {
    multiply_block<kRows, kTokens>(w, x.data, x.stride, columns, bias, y, y_stride);
  }
  if constexpr (kTokens > 1) {
    if (x.count > 0) multiply_tokens<kRows, kTokens - 1>(w, x, columns, bias, y, y_stride);
  }
}

// Weight rows [begin, end) in blocks of kRows, the rest in smaller ones. `block_at(begin, rows)` makes a block.
template <int kRows, typename BlockAt>
void multiply_rows(const Matrix& w, Rows x, int64_t begin, int64_t end, MutableRows y, BlockAt block_at) {
  for (; begin + kRows <= end; begin += kRows) {
    const float* bias = w.bias != nullptr ? w.bias + begin : nullptr;
    multiply_tokens<kRows, V::kTokenBlock>(block_at(begin, kRows), x, w.columns, bias, y.data + begin, y.stride);
  }
  if constexpr (kRows > 1) {
    if (begin < end) multiply_rows<kRows / 2>(w, x, begin, end, y, block_at);
  }
}

template <Float kType>
void multiply_dense(const Matrix& w, Rows x, int64_t begin, int64_t end, MutableRows y) {
  multiply_rows<V::kRowBlock>(w, x, begin, end, y, [&](int64_t row, int) {
    return RowBlock<kType>{w.weight + row * w.row_bytes(), w.row_bytes()};
  });
}

void multiply_through_scratch(const Matrix& w, Rows x, int64_t begin, int64_t end, MutableRows y, uint8_t* scratch) {
  multiply_rows<V::kRowBlock>(w, x, begin, end, y, [&](int64_t row, int rows) {
    for (int r = 0; r < rows; ++r) {
      dequantize(w, row + r, 0, w.columns, reinterpret_cast<float*>(scratch) + r * w.columns);
    }
    return RowBlock<Float::f32>{scratch, w.columns * 4};
  });
}

// More tokens than this pay for widening a dense row once instead of at each use.
constexpr int kDirectTokensMax = 4;
// Bytes of activations that stay in the second-level cache while weights pass by.
constexpr int64_t kTokenChunkBytes = 768 << 10;

void multiply_f32_chunk(const Matrix& w, Rows x, int64_t begin, int64_t end, MutableRows y, uint8_t* scratch) {
  if (w.packing == Packing::dense && w.type == Float::f32) return multiply_dense<Float::f32>(w, x, begin, end, y);
  if (w.packing == Packing::dense && x.count <= kDirectTokensMax) {
    if (w.type == Float::bf16) return multiply_dense<Float::bf16>(w, x, begin, end, y);
    return multiply_dense<Float::f16>(w, x, begin, end, y);
  }
  multiply_through_scratch(w, x, begin, end, y, scratch);
}

void multiply_f32(const Matrix& w, Rows x, const uint8_t*, int64_t begin, int64_t end, MutableRows y,
                  uint8_t* scratch) {
  const int64_t fitting = kTokenChunkBytes / (w.columns * 4);
  const int chunk = static_cast<int>(fitting > V::kTokenBlock ? fitting - fitting % V::kTokenBlock : V::kTokenBlock);
  for (int t = 0; t < x.count; t += chunk) {
    const int count = x.count - t < chunk ? x.count - t : chunk;
    multiply_f32_chunk(w, {x.data + t * x.stride, x.stride, count}, begin, end, {y.data + t * y.stride, y.stride},
                       scratch);
  }
}

int64_t f32_scratch_bytes(const Matrix& w) { return int64_t{V::kRowBlock} * w.columns * 4; }

constexpr LinearKernel kF32Kernel = {.name = "f32",
                                     .row_block = 1,
                                     .prepared_bytes = nullptr,
                                     .prepare = nullptr,
                                     .scratch_bytes = f32_scratch_bytes,
                                     .multiply = multiply_f32};
