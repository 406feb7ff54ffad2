// What the prefill kernels without tiles share: sixteen-by-sixteen transposition, blocks of 32 weight rows by 8 tokens,
// and sums of a chunk of tokens that wait in memory between pieces of columns.
#pragma once

constexpr int kPanelRows = 32;   // two vectors
constexpr int kPanelTokens = 8;  // times two vectors of sums: sixteen registers, which g++ 12 keeps
constexpr int kChunkTokens = 128;
constexpr int64_t kSumBytes = int64_t{kChunkTokens} * kPanelRows * 4;

// out[i] = 32-bit lane i of each of in[0..16).
inline void transpose(const __m512i* in, __m512i* out) {
  __m512i a[16];
  __m512i b[16];
  for (int i = 0; i < 8; ++i) {
    a[2 * i] = _mm512_unpacklo_epi32(in[2 * i], in[2 * i + 1]);
    a[2 * i + 1] = _mm512_unpackhi_epi32(in[2 * i], in[2 * i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    b[i] = _mm512_unpacklo_epi64(a[i], a[i + 2]);
    b[i + 1] = _mm512_unpackhi_epi64(a[i], a[i + 2]);
    b[i + 2] = _mm512_unpacklo_epi64(a[i + 1], a[i + 3]);
    b[i + 3] = _mm512_unpackhi_epi64(a[i + 1], a[i + 3]);
  }
  for (int j = 0; j < 4; ++j) {
    const __m512i even_low = _mm512_shuffle_i32x4(b[j], b[4 + j], 0x88);
    const __m512i odd_low = _mm512_shuffle_i32x4(b[j], b[4 + j], 0xDD);
    const __m512i even_high = _mm512_shuffle_i32x4(b[8 + j], b[12 + j], 0x88);
    const __m512i odd_high = _mm512_shuffle_i32x4(b[8 + j], b[12 + j], 0xDD);
    out[j] = _mm512_shuffle_i32x4(even_low, even_high, 0x88);
    out[4 + j] = _mm512_shuffle_i32x4(odd_low, odd_high, 0x88);
    out[8 + j] = _mm512_shuffle_i32x4(even_low, even_high, 0xDD);
    out[12 + j] = _mm512_shuffle_i32x4(odd_low, odd_high, 0xDD);
  }
}

inline __mmask16 rows_mask(int rows) {
  return static_cast<__mmask16>(rows >= 16 ? 0xFFFFU : rows <= 0 ? 0U : (1U << static_cast<unsigned>(rows)) - 1U);
}

// Sums [token][32 rows] to y [token][row], with the bias.
inline void write_sums(const float* sums, const Matrix& w, int64_t row, int rows, int tokens, MutableRows y) {
  for (int half = 0; half < 2; ++half) {
    const __mmask16 mask = rows_mask(rows - half * 16);
    const int64_t at = row + half * 16;
    const __m512 bias = w.bias != nullptr ? _mm512_maskz_loadu_ps(mask, w.bias + at) : _mm512_setzero_ps();
    for (int t = 0; t < tokens; ++t) {
      const __m512 sum = _mm512_load_ps(sums + t * kPanelRows + half * 16);
      _mm512_mask_storeu_ps(y.data + t * y.stride + at, mask, _mm512_add_ps(sum, bias));
    }
  }
}

// Walks chunks of tokens, blocks of weight rows and pieces of `piece_columns` columns. fill(row, rows, column, columns)
// makes a panel of weights; add(prepared, column, columns, sums) adds its products with a block of tokens.
template <typename Fill, typename Add>
void multiply_panels(const Matrix& w, Rows x, const uint8_t* prepared, int64_t block_bytes, int64_t piece_columns,
                     int64_t begin, int64_t end, MutableRows y, float* sums, Fill fill, Add add) {
  for (int token = 0; token < x.count; token += kChunkTokens) {
    const int tokens = x.count - token < kChunkTokens ? x.count - token : kChunkTokens;
    for (int64_t row = begin; row < end; row += kPanelRows) {
      const int rows = static_cast<int>(end - row < kPanelRows ? end - row : kPanelRows);
      __builtin_memset(sums, 0, static_cast<size_t>(kSumBytes));
      for (int64_t column = 0; column < w.columns; column += piece_columns) {
        const int64_t columns = w.columns - column < piece_columns ? w.columns - column : piece_columns;
        fill(row, rows, column, columns);
        for (int t = 0; t < tokens; t += kPanelTokens) {
          add(prepared + (token + t) / kPanelTokens * block_bytes, column, columns, sums + t * kPanelRows);
        }
      }
      write_sums(sums, w, row, rows, tokens, {y.data + token * y.stride, y.stride});
    }
  }
}
