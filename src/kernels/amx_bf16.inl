// Prefill in bf16 on matrix tiles: weight rows are the A operand, so the file's layout needs no transposition, tokens
// the B operand, and C tiles are [16 weight rows][16 tokens]. An including file defines `Tiles`: the machine's
// (amx.cpp) or a model in plain C++ (amx_model.cpp).
//
// Order of work, so that each operand comes from the cache it fits: chunks of kChunkTokens tokens; pieces of
// kPieceColumns columns, whose activations (1 MiB) stay in the second-level cache; 32 weight rows, of which
// kPanelColumns columns are dequantised into the first-level cache; 32 tokens. The sums of a chunk stay in memory as
// tiles, and are added in an order that columns alone decide.
#pragma once

#include "kernels/avx512_codes.inl"
#include "kernels/weight_numbers.inl"

constexpr int kTileRows = 16;
constexpr int kTileBytes = 1024;
constexpr int kStep = 32;           // columns of a tile multiply
constexpr int kBlockTokens = 32;    // two B tiles
constexpr int kBlockRows = 32;      // two A tiles
constexpr int kPanelColumns = 512;  // 32 KiB of bf16
constexpr int kPieceColumns = 2048;
constexpr int kChunkTokens = 256;
constexpr int kSumRows = 256;  // weight rows whose sums are held: 256 KiB

constexpr int64_t steps_of(const Matrix& w) { return (w.columns + kStep - 1) / kStep; }
constexpr int64_t token_block_bytes(const Matrix& w) { return steps_of(w) * 2 * kTileBytes; }

// ---- activations
// -----------------------------------------------------------------------------------------------------

// 32 columns of up to 16 tokens as a B tile: row p holds columns 2p and 2p + 1 of each token.
void pack_tokens(Rows x, int64_t column, int64_t columns, uint8_t* tile) {
  alignas(64) uint32_t pairs[kTileRows][kTileRows];  // [token][pair]
  const auto rest = static_cast<int>(columns - column < kStep ? columns - column : kStep);
  const __mmask16 low = lanes(rest < 16 ? rest : 16);
  const __mmask16 high = lanes(rest < 16 ? 0 : rest - 16);
  for (int t = 0; t < kTileRows; ++t) {
    __m512i packed = _mm512_setzero_si512();
    if (t < x.count) {
      const float* from = x.data + t * x.stride + column;
      packed = Tiles::pack_bf16(_mm512_maskz_loadu_ps(low, from), _mm512_maskz_loadu_ps(high, from + 16));
    }
    _mm512_store_si512(pairs[t], packed);
  }
  auto* out = reinterpret_cast<uint32_t*>(tile);
  for (int p = 0; p < kTileRows; ++p) {
    for (int t = 0; t < kTileRows; ++t) out[p * kTileRows + t] = pairs[t][p];
  }
}

// A block of up to 32 tokens: [step][2 tiles].
void prepare_bf16(const Matrix& w, Rows x, uint8_t* prepared) {
  for (int64_t step = 0; step < steps_of(w); ++step) {
    for (int half = 0; half < 2; ++half, prepared += kTileBytes) {
      const int left = x.count - half * kTileRows;
      const Rows tokens{x.data + half * kTileRows * x.stride, x.stride, left < 0 ? 0 : left};
      pack_tokens(tokens, step * kStep, w.columns, prepared);
    }
  }
}

// ---- weights
// ---------------------------------------------------------------------------------------------------------

// 32 codes, as 16-bit numbers, to bf16.
inline __m512i words_of(__m512i codes, int half) {
  return _mm512_cvtepu8_epi16(half == 0 ? _mm512_castsi512_si256(codes) : _mm512_extracti64x4_epi64(codes, 1));
}

struct Affine {
  float scale;
  float offset;
};

// Sixteen Floats at p, of which `mask` are there.
inline __m512 widened(Float type, __mmask16 mask, const uint8_t* p) {
  if (type == Float::f32) return _mm512_maskz_loadu_ps(mask, p);
  const __m256i halves = _mm256_maskz_loadu_epi16(mask, p);
  if (type == Float::f16) return _mm512_cvtph_ps(halves);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

// The groups of a panel's columns in one row.
struct PanelScales {
  static constexpr int kGroupsMax = kPanelColumns / 16;
  alignas(64) float scales[kGroupsMax];
  alignas(64) float offsets[kGroupsMax];

  Affine at(int64_t group) const { return {scales[group], offsets[group]}; }

  void load(const Matrix& w, int64_t row, int64_t column, int64_t count) {
    const int64_t first = row * w.groups() + column / w.group_size;
    const int64_t groups = (count + w.group_size - 1) / w.group_size;
    scales[groups < kGroupsMax ? groups : 0] = 0;  // what is behind the last column counts as zero
    offsets[groups < kGroupsMax ? groups : 0] = 0;
    for (int64_t g = 0; g < groups; g += 16) {
      if (w.packing == Packing::affine) {
        const __mmask16 mask = lanes(static_cast<int>(groups - g < 16 ? groups - g : 16));
        const int64_t at = (first + g) * bytes_of(w.type);
        _mm512_store_ps(scales + g, widened(w.type, mask, w.scales + at));
        _mm512_store_ps(offsets + g, widened(w.type, mask, w.biases + at));
        continue;
      }
      for (int64_t i = g; i < groups && i < g + 16; ++i) {
        const uint8_t scale = w.scales[first + i];
        scales[i] = w.packing == Packing::nvfp4 ? e4m3(scale) : e8m0(scale);
        offsets[i] = 0;
      }
    }
  }
};

inline __m512 affine_values(Affine a, __m512 codes) {
  return _mm512_fmadd_ps(_mm512_set1_ps(a.scale), codes, _mm512_set1_ps(a.offset));
}

// Up to 16 values a group: a table of what its codes mean, looked up.
inline __m512i look_up(__m512i words, Affine a, __m512 values) {
  const __m512 meanings = affine_values(a, values);
  return _mm512_permutexvar_epi16(words, Tiles::pack_bf16(meanings, meanings));
}

// The same for groups of 16: the last 16 words are codes of the next group.
inline __m512i look_up_two(__m512i words, Affine low, Affine high, __m512 values) {
  alignas(64) static constexpr auto kUpper = [] {
    struct Words {
      uint16_t word[32];
    } t{};
    for (int i = 16; i < 32; ++i) t.word[i] = 16;
    return t;
  }();
  const __m512i table = Tiles::pack_bf16(affine_values(low, values), affine_values(high, values));
  return _mm512_permutexvar_epi16(_mm512_or_si512(words, _mm512_load_si512(kUpper.word)), table);
}

inline __m512i convert(__m512i words, Affine a, bool is_e4m3) {
  const auto half_of = [&](__m256i half) {
    const __m512i codes = _mm512_cvtepu16_epi32(half);
    if (!is_e4m3) return affine_values(a, _mm512_cvtepi32_ps(codes));
    const __m512i magnitude = _mm512_slli_epi32(_mm512_and_si512(codes, _mm512_set1_epi32(0x7F)), 20);
    const __m512i sign = _mm512_slli_epi32(_mm512_and_si512(codes, _mm512_set1_epi32(0x80)), 24);
    const __m512 value = _mm512_mul_ps(_mm512_castsi512_ps(magnitude), _mm512_set1_ps(0x1p120F * a.scale));
    return _mm512_castsi512_ps(_mm512_or_si512(_mm512_castps_si512(value), sign));
  };
  return Tiles::pack_bf16(half_of(_mm512_castsi512_si256(words)), half_of(_mm512_extracti64x4_epi64(words, 1)));
}

// The same columns of the next block of rows: a panel touches too little of each row for the machine to guess them.
inline void prefetch_next_block(const Matrix& w, const uint8_t* p) {
  _mm_prefetch(reinterpret_cast<const char*>(p) + kBlockRows * w.row_bytes(), _MM_HINT_T1);
}

// `count` columns from `column` (a multiple of 64) of a row as bf16, 32 to a tile row, tile rows kBlockRows apart.
template <int kBits>
void dequantize_codes(const Matrix& w, int64_t row, int64_t column, int64_t count, uint8_t* out) {
  const uint8_t* packed = w.weight + row * w.row_bytes();
  const __m512 values =
      w.packing == Packing::affine
          ? _mm512_cvtepi32_ps(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))
          : _mm512_load_ps(kE2m1);
  PanelScales groups;
  groups.load(w, row, column, count);
  const auto group_shift = static_cast<unsigned>(__builtin_ctz(static_cast<unsigned>(w.group_size)));
  for (int64_t k = 0; k < count; k += 64) {
    const int64_t at = (column + k) * kBits / 8;
    const int64_t left = w.row_bytes() - at;
    const __mmask64 mask = left >= 64 ? ~0ULL : (1ULL << static_cast<unsigned>(left)) - 1;
    constexpr __mmask64 kThere = kBits == 8 ? ~0ULL : (1ULL << static_cast<unsigned>(8 * kBits % 64)) - 1;
    prefetch_next_block(w, packed + at);
    const __m512i codes = OrderedCodes<kBits>::load(packed + at, mask & kThere);
    for (int64_t half = 0; half < 2 && k + half * kStep < count; ++half, out += kBlockRows * 64) {
      const int64_t group = (k + half * kStep) >> group_shift;
      const __m512i words = words_of(codes, static_cast<int>(half));
      __m512i elements;
      if constexpr (kBits > 4) {
        elements = convert(words, groups.at(group), w.packing == Packing::mxfp8);
      } else if (w.group_size >= kStep) {
        elements = look_up(words, groups.at(group), values);
      } else {
        elements = look_up_two(words, groups.at(group), groups.at(group + 1), values);
      }
      _mm512_store_si512(out, elements);
    }
  }
}

void dequantize_floats(const Matrix& w, int64_t row, int64_t column, int64_t count, uint8_t* out) {
  const int size = bytes_of(w.type);
  for (int64_t k = column; k < column + count; k += kStep, out += kBlockRows * 64) {
    const int64_t left = w.columns - k;
    const auto there = static_cast<unsigned>(left < kStep ? left : kStep);
    const auto mask = static_cast<__mmask32>((1ULL << there) - 1);
    const uint8_t* from = w.weight + row * w.row_bytes() + k * size;
    prefetch_next_block(w, from);
    __m512i values;
    if (w.type == Float::bf16) {
      values = _mm512_maskz_loadu_epi16(mask, from);
    } else if (w.type == Float::f16) {
      const __m512i halves = _mm512_maskz_loadu_epi16(mask, from);
      values = Tiles::pack_bf16(_mm512_cvtph_ps(_mm512_castsi512_si256(halves)),
                                _mm512_cvtph_ps(_mm512_extracti64x4_epi64(halves, 1)));
    } else {
      values = Tiles::pack_bf16(_mm512_maskz_loadu_ps(static_cast<__mmask16>(mask), from),
                                _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask >> 16U), from + 64));
    }
    _mm512_store_si512(out, values);
  }
}

void dequantize_bf16(const Matrix& w, int64_t row, int64_t column, int64_t count, uint8_t* out) {
  switch (w.bits) {
    case 0: return dequantize_floats(w, row, column, count, out);
    case 2: return dequantize_codes<2>(w, row, column, count, out);
    case 3: return dequantize_codes<3>(w, row, column, count, out);
    case 4: return dequantize_codes<4>(w, row, column, count, out);
    case 5: return dequantize_codes<5>(w, row, column, count, out);
    case 6: return dequantize_codes<6>(w, row, column, count, out);
    default: return dequantize_codes<8>(w, row, column, count, out);
  }
}

// 32 weight rows as A tiles: [step][2 tiles]. Rows that are not there are zero.
void fill_panel(const Matrix& w, int64_t row, int rows, int64_t column, int64_t count, uint8_t* panel) {
  if (rows < kBlockRows) __builtin_memset(panel, 0, static_cast<size_t>((count + kStep - 1) / kStep * 2 * kTileBytes));
  for (int r = 0; r < rows; ++r) dequantize_bf16(w, row + r, column, count, panel + r * 64);
}

// ---- multiply
// --------------------------------------------------------------------------------------------------------

// Adds a panel times a block of tokens to the block's sums, 4 tiles [row half][token half]. Tiles 0-3 hold them.
template <bool kBothHalves>
void add_product(const uint8_t* panel, const uint8_t* tokens, int64_t steps, uint8_t* sums) {
  Tiles::template load<0>(sums);
  Tiles::template load<2>(sums + 2 * kTileBytes);
  if constexpr (kBothHalves) {
    Tiles::template load<1>(sums + kTileBytes);
    Tiles::template load<3>(sums + 3 * kTileBytes);
  }
  for (int64_t step = 0; step < steps; ++step, panel += 2 * kTileBytes, tokens += 2 * kTileBytes) {
    Tiles::template load<6>(tokens);
    Tiles::template load<4>(panel);
    Tiles::template multiply<0, 4, 6>();
    Tiles::template load<5>(panel + kTileBytes);
    Tiles::template multiply<2, 5, 6>();
    if constexpr (kBothHalves) {
      Tiles::template load<7>(tokens + kTileBytes);
      Tiles::template multiply<1, 4, 7>();
      Tiles::template multiply<3, 5, 7>();
    }
  }
  Tiles::template store<0>(sums);
  Tiles::template store<2>(sums + 2 * kTileBytes);
  if constexpr (kBothHalves) {
    Tiles::template store<1>(sums + kTileBytes);
    Tiles::template store<3>(sums + 3 * kTileBytes);
  }
}

// Sums [16 rows][16 tokens] to y [token][row], with the bias.
void write_tile(const uint8_t* sums, const Matrix& w, int64_t row, int rows, int tokens, float* y, int64_t y_stride) {
  const auto* from = reinterpret_cast<const float*>(sums);
  const __m512i column = _mm512_mullo_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                                            _mm512_set1_epi32(kTileRows));
  const __mmask16 mask = lanes(rows);
  const __m512 bias = w.bias != nullptr ? _mm512_maskz_loadu_ps(mask, w.bias + row) : _mm512_setzero_ps();
  for (int t = 0; t < tokens; ++t) {
    const __m512 values = _mm512_i32gather_ps(column, from + t, 4);
    _mm512_mask_storeu_ps(y + t * y_stride + row, mask, _mm512_add_ps(values, bias));
  }
}

// Scratch: the panel, then the sums of kSumRows rows and a chunk of tokens: [row block][token block][4 tiles].
constexpr int64_t kPanelBytes = int64_t{kPanelColumns} / kStep * 2 * kTileBytes;
constexpr int64_t kSumBytes = int64_t{kSumRows} * kChunkTokens * 4;

int64_t bf16_scratch_bytes(const Matrix&) { return kPanelBytes + kSumBytes; }

struct Chunk {
  const Matrix& w;
  int64_t begin;  // weight rows
  int64_t end;
  int tokens;
  const uint8_t* prepared;
  uint8_t* panel;
  uint8_t* sums;

  int token_blocks() const { return (tokens + kBlockTokens - 1) / kBlockTokens; }
  uint8_t* sums_at(int64_t row, int block) const {
    return sums + ((row - begin) / kBlockRows * token_blocks() + block) * 4 * kTileBytes;
  }

  // Columns [column, column + count) of a block of rows, against all tokens.
  void add_panel(int64_t row, int64_t column, int64_t count) const {
    const int rows = static_cast<int>(end - row < kBlockRows ? end - row : kBlockRows);
    fill_panel(w, row, rows, column, count, panel);
    const int64_t steps = (count + kStep - 1) / kStep;
    for (int block = 0; block < token_blocks(); ++block) {
      const uint8_t* of_block = prepared + block * token_block_bytes(w) + column / kStep * 2 * kTileBytes;
      if (tokens - block * kBlockTokens > kTileRows) {
        add_product<true>(panel, of_block, steps, sums_at(row, block));
      } else {
        add_product<false>(panel, of_block, steps, sums_at(row, block));
      }
    }
  }

  void add_all() const {
    const int64_t row_blocks = (end - begin + kBlockRows - 1) / kBlockRows;
    __builtin_memset(sums, 0, static_cast<size_t>(row_blocks * token_blocks() * 4 * kTileBytes));
    for (int64_t piece = 0; piece < w.columns; piece += kPieceColumns) {
      const int64_t piece_end = w.columns < piece + kPieceColumns ? w.columns : piece + kPieceColumns;
      for (int64_t row = begin; row < end; row += kBlockRows) {
        for (int64_t column = piece; column < piece_end; column += kPanelColumns) {
          add_panel(row, column, piece_end - column < kPanelColumns ? piece_end - column : kPanelColumns);
        }
      }
    }
  }

  void write(MutableRows y) const {
    for (int64_t row = begin; row < end; row += kTileRows) {
      const int rows = static_cast<int>(end - row < kTileRows ? end - row : kTileRows);
      const int64_t half = (row - begin) / kTileRows % 2;
      for (int token = 0; token < tokens; token += kTileRows) {
        const int count = tokens - token < kTileRows ? tokens - token : kTileRows;
        const uint8_t* tile = sums_at(row, token / kBlockTokens) + (half * 2 + token / kTileRows % 2) * kTileBytes;
        write_tile(tile, w, row, rows, count, y.data + token * y.stride, y.stride);
      }
    }
  }
};

void multiply_bf16(const Matrix& w, Rows x, const uint8_t* prepared, int64_t begin, int64_t end, MutableRows y,
                   uint8_t* scratch) {
  Tiles::configure();
  for (int token = 0; token < x.count; token += kChunkTokens) {
    const int tokens = x.count - token < kChunkTokens ? x.count - token : kChunkTokens;
    for (int64_t row = begin; row < end; row += kSumRows) {
      const Chunk chunk{.w = w,
                        .begin = row,
                        .end = end < row + kSumRows ? end : row + kSumRows,
                        .tokens = tokens,
                        .prepared = prepared + token / kBlockTokens * token_block_bytes(w),
                        .panel = scratch,
                        .sums = scratch + kPanelBytes};
      chunk.add_all();
      chunk.write({y.data + token * y.stride, y.stride});
    }
  }
  Tiles::release();
}

constexpr LinearKernel bf16_kernel(const char* name) {
  return {.name = name,
          .row_block = kBlockTokens,
          .prepared_bytes = token_block_bytes,
          .prepare = prepare_bf16,
          .scratch_bytes = bf16_scratch_bytes,
          .multiply = multiply_bf16};
}
