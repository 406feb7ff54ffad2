// What the prefill kernels without tiles share: sixteen-by-sixteen transposition, blocks of 32 weight rows by 8 tokens,
// and sums of some panels and a chunk of tokens that wait in memory between pieces of columns.
#pragma once

constexpr int kPanelRows = 32;   // two vectors
constexpr int kPanelTokens = 8;  // times two vectors of sums: sixteen registers, which g++ 12 keeps
// A chunk's piece of columns and its sums stay in the second-level cache while panels pass by.
constexpr int kChunkTokens = 256;
constexpr int64_t kHeldPanels = 4;
constexpr int64_t kSumBytes = kHeldPanels * kChunkTokens * kPanelRows * 4;

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

// Some columns of a panel's weight rows.
struct Piece {
  int64_t row;
  int rows;
  int64_t column;
  int64_t columns;
};

// Bytes from where a piece's rows begin to where those of the next one do.
inline int64_t bytes_between(const Matrix& w, const Piece& piece, const Piece& next) {
  const int bits = w.packing == Packing::dense ? 8 * bytes_of(w.type) : w.bits;
  return (next.row - piece.row) * w.row_bytes() + (next.column - piece.column) * bits / 8;
}

// The pieces of weight rows [begin, end), at most kHeldPanels panels of them: all panels of the first columns, then all
// of the next. Past the last one come the rows at `end`.
struct Pieces {
  int64_t begin;
  int64_t end;
  int64_t columns;
  int64_t piece_columns;

  int64_t panels() const { return (end - begin + kPanelRows - 1) / kPanelRows; }
  int64_t count() const { return panels() * ((columns + piece_columns - 1) / piece_columns); }
  Piece at(int64_t i) const {
    if (i == count()) return {end, 0, 0, 0};
    const int64_t row = begin + i % panels() * kPanelRows;
    const int64_t column = i / panels() * piece_columns;
    return {row, static_cast<int>(end - row < kPanelRows ? end - row : kPanelRows), column,
            columns - column < piece_columns ? columns - column : piece_columns};
  }
};

// Walks chunks of tokens, some panels of weight rows at a time, and their pieces of `piece_columns` columns.
// fill(piece, next) makes a panel of weights and may fetch for the next; add(prepared, piece, sums) adds its products
// with a block of tokens.
template <typename Fill, typename Add>
void multiply_panels(const Matrix& w, Rows x, const uint8_t* prepared, int64_t block_bytes, int64_t piece_columns,
                     int64_t begin, int64_t end, MutableRows y, float* sums, Fill fill, Add add) {
  const auto add_chunk = [&](const Piece& piece, int token, int tokens, float* of_panel) {
    const bool is_first = piece.column == 0;
    const bool is_last = piece.column + piece.columns == w.columns;
    for (int t = 0; t < tokens; t += kPanelTokens) {
      float* block = of_panel + t * kPanelRows;
      if (is_first) __builtin_memset(block, 0, kPanelTokens * kPanelRows * 4);
      add(prepared + (token + t) / kPanelTokens * block_bytes, piece, block);
      if (!is_last) continue;
      const int there = tokens - t < kPanelTokens ? tokens - t : kPanelTokens;
      write_sums(block, w, piece.row, piece.rows, there, {y.data + (token + t) * y.stride, y.stride});
    }
  };
  for (int token = 0; token < x.count; token += kChunkTokens) {
    const int tokens = x.count - token < kChunkTokens ? x.count - token : kChunkTokens;
    for (int64_t row = begin; row < end; row += kHeldPanels * kPanelRows) {
      const int64_t held_end = end - row < kHeldPanels * kPanelRows ? end : row + kHeldPanels * kPanelRows;
      const Pieces pieces{row, held_end, w.columns, piece_columns};
      for (int64_t i = 0; i < pieces.count(); ++i) {
        const Piece piece = pieces.at(i);
        fill(piece, pieces.at(i + 1));
        add_chunk(piece, token, tokens, sums + (piece.row - row) * kChunkTokens);
      }
    }
  }
}
