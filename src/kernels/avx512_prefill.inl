// Prefill rows on byte dot products: 32 weight rows become a panel of bytes [column / 4][row][4], tokens are broadcast
// four columns at a time, sums of a group are whole numbers. Activations are those of decode rows
// (avx512_integers.inl).
#pragma once

#include "kernels/avx512_integers.inl"
#include "kernels/avx512_panel.inl"
#include "kernels/avx512_scales.inl"

constexpr int64_t kPieceColumns = 512;  // a panel of 16 KiB leaves room for tokens in the first-level cache
constexpr int64_t kPieceGroupsMax = kPieceColumns / 16;

// A block of eight tokens: for each group [high, low][column / 4][token][4], then scales [group][token] and scaled sums
// [group][token].
template <bool kPair>
struct TokenBlock {
  static constexpr int64_t kColumnBytes = kPanelTokens * (kPair ? 2 : 1);

  static int64_t scales_at(const Matrix& w) { return w.columns * kColumnBytes; }
  static int64_t sums_at(const Matrix& w) { return scales_at(w) + w.groups() * kPanelTokens * 4; }
  static int64_t bytes(const Matrix& w) { return rounded_up(sums_at(w) + w.groups() * kPanelTokens * 4, 64); }
};

// Sixteen codes in the order in which split makes four-column steps of them: of each kPlanes words, plane by plane.
template <int kPlanes>
inline __m128i in_step_order(__m128i codes) {
  if constexpr (kPlanes == 1) return codes;
  alignas(16) static constexpr auto kOrder = [] {
    struct Table {
      uint8_t index[16];
    } t{};
    constexpr int kUnit = 4 * kPlanes;
    for (int i = 0; i < 16; ++i) {
      t.index[i] = static_cast<uint8_t>(i / kUnit * kUnit + i % 4 * kPlanes + i % kUnit / 4);
    }
    return t;
  }();
  return _mm_shuffle_epi8(codes, _mm_load_si128(reinterpret_cast<const __m128i*>(kOrder.index)));
}

template <int kPlanes, bool kPair>
void prepare_token_block(const Matrix& w, Rows x, uint8_t* prepared) {
  using Block = TokenBlock<kPair>;
  if (x.count < kPanelTokens) __builtin_memset(prepared, 0, static_cast<size_t>(Block::bytes(w)));
  auto* scales = reinterpret_cast<float*>(prepared + Block::scales_at(w));
  auto* sums = reinterpret_cast<float*>(prepared + Block::sums_at(w));
  for (int t = 0; t < x.count; ++t) {
    for (int64_t g = 0; g < w.groups(); ++g) {
      alignas(64) int8_t codes[2][128];
      const int64_t at = g * kPanelTokens + t;
      quantize_group<kPair>(x.data + t * x.stride + g * w.group_size, w.group_size, codes[0], codes[1], scales + at,
                            sums + at);
      uint8_t* to = prepared + g * w.group_size * Block::kColumnBytes + t * 4;
      for (int half = 0; half < (kPair ? 2 : 1); ++half) {
        for (int k = 0; k < w.group_size; k += 16) {
          alignas(16) int32_t steps[4];
          const __m128i natural = _mm_load_si128(reinterpret_cast<const __m128i*>(codes[half] + k));
          _mm_store_si128(reinterpret_cast<__m128i*>(steps), in_step_order<kPlanes>(natural));
          for (int i = 0; i < 4; ++i, to += kPanelTokens * 4) __builtin_memcpy(to, &steps[i], 4);
        }
      }
    }
  }
}

// A piece of 32 weight rows.
struct CodePanel {
  alignas(64) uint8_t codes[kPieceColumns / 4][kPanelRows][4];
  alignas(64) float scales[kPieceGroupsMax][kPanelRows];
  alignas(64) float offsets[kPieceGroupsMax][kPanelRows];
};

// Transposed as they are in the file, then split: a 32-bit word of each of sixteen rows makes kPlanes steps.
template <typename Codes>
void fill_codes(const Matrix& w, const Piece& piece, int64_t to_next, CodePanel& panel) {
  const int64_t row_bytes = w.row_bytes();
  for (int64_t k = 0; k < piece.columns; k += kBlockCodes<Codes>) {
    const int64_t left = piece.columns - k;
    const int64_t there = left < kBlockCodes<Codes> ? left : kBlockCodes<Codes>;
    const __mmask64 mask = ~0ULL >> (64U - static_cast<unsigned>(there * w.bits / 8));
    for (int half = 0; half < 2; ++half) {
      __m512i of_row[16];
      __m512i of_word[16];
      const uint8_t* p = w.weight + (piece.row + half * 16) * row_bytes + (piece.column + k) * w.bits / 8;
      for (int r = 0; r < 16; ++r, p += row_bytes) {
        if (half * 16 + r >= piece.rows) {
          of_row[r] = _mm512_setzero_si512();
          continue;
        }
        _mm_prefetch(reinterpret_cast<const char*>(p) + to_next, _MM_HINT_T1);
        of_row[r] = Codes::load(p, mask);
      }
      transpose(of_row, of_word);
      auto* step = panel.codes + k / 4;
      for (int word = 0; word < there / (4 * Codes::kPlanes); ++word, step += Codes::kPlanes) {
        __m512i planes[Codes::kPlanes];
        Codes::split(of_word[word], planes);
        for (int i = 0; i < Codes::kPlanes; ++i) _mm512_store_si512(step[i][half * 16], planes[i]);
      }
    }
  }
}

void fill_scales(const Matrix& w, const Piece& piece, CodePanel& panel) {
  const int64_t first = piece.column / w.group_size;
  const int64_t count = piece.columns / w.group_size;
  for (int64_t g = 0; g < count; g += 16) {
    const __mmask16 mask = rows_mask(static_cast<int>(count - g));
    for (int half = 0; half < 2; ++half) {
      __m512i scales[16];
      __m512i offsets[16];
      for (int r = 0; r < 16; ++r) {
        scales[r] = offsets[r] = _mm512_setzero_si512();
        if (half * 16 + r >= piece.rows) continue;
        const GroupScales of_row = load_group_scales(w, (piece.row + half * 16 + r) * w.groups() + first + g, mask);
        scales[r] = _mm512_castps_si512(of_row.scale);
        offsets[r] = _mm512_castps_si512(of_row.offset);
      }
      __m512i by_group[16];
      const int groups = static_cast<int>(count - g < 16 ? count - g : 16);
      transpose(scales, by_group);
      for (int i = 0; i < groups; ++i) _mm512_store_si512(panel.scales[g + i] + half * 16, by_group[i]);
      transpose(offsets, by_group);
      for (int i = 0; i < groups; ++i) _mm512_store_si512(panel.offsets[g + i] + half * 16, by_group[i]);
    }
  }
}

// sum += Σ codes * x over the four bytes of each lane. As assembly: g++ 12 copies the sum before each intrinsic.
[[gnu::always_inline]] inline void add_dot(__m512i& sum, __m512i codes, __m512i x) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(codes), "v"(x));
}

// Adds the dot products of four columns a step; a group is a multiple of four steps.
[[gnu::always_inline]] inline void add_steps(const uint8_t (*codes)[kPanelRows][4], const uint8_t* tokens, int steps,
                                             __m512i sums[kPanelTokens][2]) {
  constexpr int kUnrolled = 4;
  for (int step = 0; step < steps; step += kUnrolled) {
#pragma GCC unroll 4
    for (int i = 0; i < kUnrolled; ++i, ++codes, tokens += kPanelTokens * 4) {
      if (i % 2 == 0) _mm_prefetch(reinterpret_cast<const char*>(tokens) + 1024, _MM_HINT_T0);  // a line is two steps
      const __m512i low = _mm512_load_si512(codes[0][0]);
      const __m512i high = _mm512_load_si512(codes[0][16]);
      for (int t = 0; t < kPanelTokens; ++t) {
        int32_t four;
        __builtin_memcpy(&four, tokens + t * 4, 4);
        const __m512i x = _mm512_set1_epi32(four);
        add_dot(sums[t][0], low, x);
        add_dot(sums[t][1], high, x);
      }
    }
  }
}

// A group of columns: sums of whole numbers, then scale_w * scale_x of them, and offset_w times the activations' sum.
template <bool kPair>
[[gnu::always_inline]] inline void add_group(const CodePanel& panel, int64_t step, int64_t group, int steps,
                                             const uint8_t* tokens, const float* scales_x, const float* sums_x,
                                             float* sums) {
  __m512i dots[kPanelTokens][2];
  for (auto& dot : dots) dot[0] = dot[1] = _mm512_setzero_si512();
  add_steps(panel.codes + step, tokens, steps, dots);
  if constexpr (kPair) {
    for (auto& dot : dots) {
      dot[0] = _mm512_slli_epi32(dot[0], 7);
      dot[1] = _mm512_slli_epi32(dot[1], 7);
    }
    add_steps(panel.codes + step, tokens + steps * kPanelTokens * 4, steps, dots);
  }
  for (int t = 0; t < kPanelTokens; ++t) {
    const __m512 scale_x = _mm512_set1_ps(scales_x[t]);
    const __m512 sum_x = _mm512_set1_ps(sums_x[t]);
    for (int half = 0; half < 2; ++half) {
      float* to = sums + t * kPanelRows + half * 16;
      const __m512 scale = _mm512_mul_ps(_mm512_load_ps(panel.scales[group] + half * 16), scale_x);
      const __m512 offset =
          _mm512_fmadd_ps(_mm512_load_ps(panel.offsets[group] + half * 16), sum_x, _mm512_load_ps(to));
      _mm512_store_ps(to, _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[t][half]), scale, offset));
    }
  }
}

int64_t panel_scratch_bytes(const Matrix&) { return kSumBytes + static_cast<int64_t>(sizeof(CodePanel)); }

template <typename Codes, bool kPair>
void multiply_code_panels(const Matrix& w, Rows x, const uint8_t* prepared, int64_t begin, int64_t end, MutableRows y,
                          uint8_t* scratch) {
  using Block = TokenBlock<kPair>;
  auto& panel = *reinterpret_cast<CodePanel*>(scratch + kSumBytes);
  const auto fill = [&](const Piece& piece, const Piece& next) {
    fill_codes<Codes>(w, piece, bytes_between(w, piece, next), panel);
    fill_scales(w, piece, panel);
  };
  const int steps = w.group_size / 4;
  const auto add = [&](const uint8_t* block, const Piece& piece, float* sums) {
    const int64_t first = piece.column / w.group_size;
    const auto* scales_x = reinterpret_cast<const float*>(block + Block::scales_at(w));
    const auto* sums_x = reinterpret_cast<const float*>(block + Block::sums_at(w));
    for (int64_t g = 0; g < piece.columns / w.group_size; ++g) {
      const int64_t at = (first + g) * kPanelTokens;
      add_group<kPair>(panel, g * steps, g, steps, block + (first + g) * w.group_size * Block::kColumnBytes,
                       scales_x + at, sums_x + at, sums);
    }
  };
  multiply_panels(w, x, prepared, Block::bytes(w), kPieceColumns, begin, end, y, reinterpret_cast<float*>(scratch),
                  fill, add);
}

template <typename Codes, bool kPair>
constexpr LinearKernel kPanelKernel = {.name = kPair ? "vnni 15-bit panels" : "vnni 8-bit panels",
                                       .row_block = kPanelTokens,
                                       .prepared_bytes = TokenBlock<kPair>::bytes,
                                       .prepare = prepare_token_block<Codes::kPlanes, kPair>,
                                       .scratch_bytes = panel_scratch_bytes,
                                       .multiply = multiply_code_panels<Codes, kPair>};

template <typename Codes>
const LinearKernel* panel_kernel(Numerics numerics) {
  return numerics == Numerics::standard ? &kPanelKernel<Codes, true> : &kPanelKernel<Codes, false>;
}

// Null where integers do not help: dense weights, fp8 codes, exact numerics.
const LinearKernel* panel_kernel_for(const Matrix& w, Numerics numerics) {
  if (numerics == Numerics::exact) return nullptr;
  if (w.packing == Packing::mxfp4 || w.packing == Packing::nvfp4) return panel_kernel<CodesE2m1>(numerics);
  if (w.packing != Packing::affine) return nullptr;
  switch (w.bits) {
    case 2: return panel_kernel<Codes2>(numerics);
    case 3: return panel_kernel<OrderedCodes<3>>(numerics);
    case 4: return panel_kernel<Codes4>(numerics);
    case 5: return panel_kernel<OrderedCodes<5>>(numerics);
    case 6: return panel_kernel<OrderedCodes<6>>(numerics);
    default: return panel_kernel<Codes8>(numerics);
  }
}
