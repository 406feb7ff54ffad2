// Prefill of dense bf16 weights on vdpbf16ps, activations rounded to bf16 (relative error about 2e-3, as on tiles).
// Worth it where the machine multiplies pairs at the rate of single floats: AMD since Zen 4; Intel halves the rate.
#include <immintrin.h>

#include "kernels/kernels.h"
#include "kernels/tables.h"

namespace mlxserving::kernels {
namespace {

#include "kernels/avx512_panel.inl"

constexpr int64_t kPieceColumns = 256;  // a panel of 16 KiB
constexpr int64_t kPairBytes = int64_t{kPanelTokens} * 4;

// A block of eight tokens: [column / 2][token][2], columns rounded up to whole panels' steps.
int64_t token_block_bytes(const Matrix& w) { return (w.columns + 31) / 32 * 16 * kPairBytes; }

void prepare_pairs(const Matrix& w, Rows x, uint8_t* prepared) {
  __builtin_memset(prepared, 0, static_cast<size_t>(token_block_bytes(w)));
  for (int t = 0; t < x.count; ++t) {
    const float* from = x.data + t * x.stride;
    for (int64_t k = 0; k < w.columns; k += 32) {
      const int left = static_cast<int>(w.columns - k < 32 ? w.columns - k : 32);
      const __m512 low = _mm512_maskz_loadu_ps(rows_mask(left), from + k);
      const __m512 high = _mm512_maskz_loadu_ps(rows_mask(left - 16), from + k + 16);
      alignas(64) uint32_t pairs[16];
      _mm512_store_si512(pairs, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low)));
      uint8_t* to = prepared + k / 2 * kPairBytes + t * 4;
      for (int i = 0; i < 16; ++i) __builtin_memcpy(to + i * kPairBytes, &pairs[i], 4);
    }
  }
}

struct PairPanel {
  alignas(64) uint32_t pairs[kPieceColumns / 2][kPanelRows];
};

void fill_pairs(const Matrix& w, const Piece& piece, int64_t to_next, PairPanel& panel) {
  const int64_t row_bytes = w.row_bytes();
  for (int64_t k = 0; k < piece.columns; k += 32) {
    const int64_t left = piece.columns - k;
    const auto mask = static_cast<__mmask32>(left < 32 ? (1U << static_cast<unsigned>(left)) - 1U : ~0U);
    for (int half = 0; half < 2; ++half) {
      alignas(64) uint8_t of_row[16][64];
      const uint8_t* p = w.weight + (piece.row + half * 16) * row_bytes + (piece.column + k) * 2;
      for (int r = 0; r < 16; ++r, p += row_bytes) {
        const bool is_there = half * 16 + r < piece.rows;
        if (is_there) _mm_prefetch(reinterpret_cast<const char*>(p) + to_next, _MM_HINT_T1);
        _mm512_store_si512(of_row[r], is_there ? _mm512_maskz_loadu_epi16(mask, p) : _mm512_setzero_si512());
      }
      transpose_rows(of_row[0], 64,
                     [&](int i, __m512i v) { _mm512_store_si512(panel.pairs[k / 2 + i] + half * 16, v); });
    }
  }
}

// As assembly: g++ 12 copies the sum before each intrinsic.
[[gnu::always_inline]] inline void add_dot(__m512& sum, __m512i w, __m512i x) {
  asm("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(w), "v"(x));
}

void add_pairs(const PairPanel& panel, const uint8_t* tokens, int64_t columns, float* sums) {
  __m512 held[kPanelTokens][2];
  for (int t = 0; t < kPanelTokens; ++t) {
    held[t][0] = _mm512_load_ps(sums + t * kPanelRows);
    held[t][1] = _mm512_load_ps(sums + t * kPanelRows + 16);
  }
#pragma GCC unroll 4
  for (int64_t step = 0; step < (columns + 1) / 2; ++step, tokens += kPairBytes) {
    const __m512i low = _mm512_load_si512(panel.pairs[step]);
    const __m512i high = _mm512_load_si512(panel.pairs[step] + 16);
    for (int t = 0; t < kPanelTokens; ++t) {
      int32_t pair;
      __builtin_memcpy(&pair, tokens + t * 4, 4);
      const __m512i x = _mm512_set1_epi32(pair);
      add_dot(held[t][0], low, x);
      add_dot(held[t][1], high, x);
    }
  }
  for (int t = 0; t < kPanelTokens; ++t) {
    _mm512_store_ps(sums + t * kPanelRows, held[t][0]);
    _mm512_store_ps(sums + t * kPanelRows + 16, held[t][1]);
  }
}

int64_t scratch_bytes(const Matrix&) { return kSumBytes + static_cast<int64_t>(sizeof(PairPanel)); }

void multiply_pairs(const Matrix& w, Rows x, const uint8_t* prepared, int64_t begin, int64_t end, MutableRows y,
                    uint8_t* scratch) {
  auto& panel = *reinterpret_cast<PairPanel*>(scratch + kSumBytes);
  const auto fill = [&](const Piece& piece, const Piece& next) {
    fill_pairs(w, piece, bytes_between(w, piece, next), panel);
  };
  const auto add = [&](const uint8_t* block, const Piece& piece, int, bool, float* sums) {
    add_pairs(panel, block + piece.column / 2 * kPairBytes, piece.columns, sums);
  };
  multiply_panels(w, x, prepared, token_block_bytes(w), kPieceColumns, begin, end, y, reinterpret_cast<float*>(scratch),
                  fill, add);
}

}  // namespace

extern const LinearKernel kAvx512Bf16 = {.name = "bf16 panels",
                                         .row_block = kPanelTokens,
                                         .prepared_bytes = token_block_bytes,
                                         .prepare = prepare_pairs,
                                         .scratch_bytes = scratch_bytes,
                                         .multiply = multiply_pairs};

}  // namespace mlxserving::kernels
