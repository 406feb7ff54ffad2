// What the kernels on panels share: blocks of 32 weight rows by 8 tokens, and the walk over them.
#pragma once

#include "kernels/avx512_transpose.inl"

constexpr int kPanelRows = 32;   // two vectors
constexpr int kPanelTokens = 8;  // times two vectors of sums: sixteen registers, which g++ 12 keeps
// A chunk's piece of columns and its sums stay in the second-level cache while panels pass by.
constexpr int kChunkTokens = 256;
constexpr int64_t kHeldPanels = 4;
constexpr int64_t kSumBytes = kHeldPanels * kChunkTokens * kPanelRows * 4;
// Few tokens compute no longer than their weights take to read: those are walked as they lie in memory.
constexpr int kFewTokens = 32;

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
  int64_t panel;  // of those held
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
    if (i == count()) return {end, 0, 0, 0, 0};
    const int64_t panel = i % panels();
    const int64_t row = begin + panel * kPanelRows;
    const int64_t column = i / panels() * piece_columns;
    return {row, static_cast<int>(end - row < kPanelRows ? end - row : kPanelRows), column,
            columns - column < piece_columns ? columns - column : piece_columns, panel};
  }
};

// Walks chunks of tokens, some panels of weight rows at a time, and their pieces of `piece_columns` columns.
// fill(piece, next) makes a panel of weights and may fetch for the next; add(prepared, piece, tokens, is_first, sums)
// adds its products with a block of tokens.
template <typename Fill, typename Add>
void multiply_panels(const Matrix& w, Rows x, const uint8_t* prepared, int64_t block_bytes, int64_t piece_columns,
                     int64_t begin, int64_t end, MutableRows y, float* sums, Fill fill, Add add) {
  const auto add_chunk = [&](const Piece& piece, int token, int tokens, float* of_panel) {
    const bool is_first = piece.column == 0;
    const bool is_last = piece.column + piece.columns == w.columns;
    for (int t = 0; t < tokens; t += kPanelTokens) {
      const int there = tokens - t < kPanelTokens ? tokens - t : kPanelTokens;
      float* block = of_panel + t * kPanelRows;
      if (is_first) __builtin_memset(block, 0, kPanelTokens * kPanelRows * 4);
      add(prepared + (token + t) / kPanelTokens * block_bytes, piece, there, t == 0, block);
      if (is_last) write_sums(block, w, piece.row, piece.rows, there, {y.data + (token + t) * y.stride, y.stride});
    }
  };
  const int64_t held_rows = kPanelRows * (x.count <= kFewTokens ? 1 : kHeldPanels);
  for (int token = 0; token < x.count; token += kChunkTokens) {
    const int tokens = x.count - token < kChunkTokens ? x.count - token : kChunkTokens;
    for (int64_t row = begin; row < end; row += held_rows) {
      const Pieces pieces{row, end - row < held_rows ? end : row + held_rows, w.columns, piece_columns};
      for (int64_t i = 0; i < pieces.count(); ++i) {
        const Piece piece = pieces.at(i);
        fill(piece, pieces.at(i + 1));
        add_chunk(piece, token, tokens, sums + piece.panel * kPanelRows * kChunkTokens);
      }
    }
  }
}
