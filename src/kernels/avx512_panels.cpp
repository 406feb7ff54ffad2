// Several activation rows on byte dot products: 32 weight rows become a panel of bytes [column / 4][row][4], tokens are
// broadcast four columns at a time, sums of a group are whole numbers.
#include <immintrin.h>

#include "kernels/kernels.h"
#include "kernels/tables.h"

namespace mlxserving::kernels {
namespace {

#include "kernels/f32_bits.inl"

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

// A piece of 32 weight rows, and scales of the panels held: sixteen groups at a time, which are more than a piece where
// groups are large.
struct CodePanel {
  alignas(64) uint8_t codes[kPieceColumns / 4][kPanelRows][4];
  alignas(64) float scales[kHeldPanels][kPieceGroupsMax][kPanelRows];
  alignas(64) float offsets[kHeldPanels][kPieceGroupsMax][kPanelRows];
};

// Transposed as they are in the file, then split: a 32-bit word of each of sixteen rows makes kPlanes steps.
// Meanwhile the bytes `to_next` on are fetched; 0: none.
template <typename Codes>
void fill_codes(const Matrix& w, const Piece& piece, int64_t to_next, CodePanel& panel) {
  const int64_t row_bytes = w.row_bytes();
  for (int64_t k = 0; k < piece.columns; k += kBlockCodes<Codes>) {
    const int64_t left = piece.columns - k;
    const int64_t there = left < kBlockCodes<Codes> ? left : kBlockCodes<Codes>;
    for (int half = 0; half < 2; ++half) {
      const uint8_t* p = w.weight + (piece.row + half * 16) * row_bytes + (piece.column + k) * w.bits / 8;
      auto* steps = panel.codes + k / 4;
      const auto split = [&](int word, __m512i v) __attribute__((always_inline)) {
        __m512i planes[Codes::kPlanes];
        Codes::split(v, planes);
        for (int i = 0; i < Codes::kPlanes; ++i) {
          _mm512_store_si512(steps[word * Codes::kPlanes + i][half * 16], planes[i]);
        }
      };
      const int rows = piece.rows - half * 16;
      for (int r = 0; to_next != 0 && r < 16; ++r) {
        _mm_prefetch(reinterpret_cast<const char*>(p) + r * row_bytes + to_next, _MM_HINT_T1);
      }
      if (Codes::kIsAsInFile && rows >= 16 && there == kBlockCodes<Codes>) {
        transpose_rows(p, row_bytes, split);
        continue;
      }
      const __mmask64 mask = ~0ULL >> (64U - static_cast<unsigned>(there * w.bits / 8));
      alignas(64) uint8_t block[16][64];
      for (int r = 0; r < 16; ++r, p += row_bytes) {
        _mm512_store_si512(block[r], r < rows ? Codes::load(p, mask) : _mm512_setzero_si512());
      }
      transpose_rows(block[0], 64, split);
    }
  }
}

void fill_scales(const Matrix& w, const Piece& piece, CodePanel& panel) {
  const int64_t first = piece.column / w.group_size;
  const int64_t end = first + piece.columns / w.group_size;
  for (int64_t g = rounded_up(first, kScaleGroups); g < end; g += kScaleGroups) {
    const int64_t at = g % kPieceGroupsMax;
    for (int half = 0; half < 2; ++half) {
      fill_scales(w, piece.row + half * 16, piece.rows - half * 16, g, panel.scales[piece.panel][at] + half * 16,
                  panel.offsets[piece.panel][at] + half * 16, kPanelRows);
    }
  }
}

// Adds to two sums the products of four columns of 32 weight rows with a token's four bytes. As assembly: g++ 12 copies
// the sum before each intrinsic, or loads so many tokens ahead that sums go to memory.
[[gnu::always_inline]] inline void add_dots(__m512i* sums, __m512i low, __m512i high, const uint8_t* token) {
  __m512i x;
  asm("vpbroadcastd %5, %2\n\tvpdpbusd %2, %3, %0\n\tvpdpbusd %2, %4, %1"
      : "+v"(sums[0]), "+v"(sums[1]), "=&v"(x)
      : "v"(low), "v"(high), "m"(*reinterpret_cast<const int32_t*>(token)));
}

// Adds the dot products of four columns a step; a group is a multiple of four steps.
template <int kTokens, int kLines>
[[gnu::always_inline]] inline void add_steps(const uint8_t (*codes)[kPanelRows][4], const uint8_t* tokens, int steps,
                                             const uint8_t*& ahead, __m512i sums[kTokens][2]) {
  constexpr int kUnrolled = 4;
  for (int step = 0; step < steps; step += kUnrolled) {
#pragma GCC unroll 8
    for (int i = 0; i < kLines; ++i, ahead += 64) _mm_prefetch(reinterpret_cast<const char*>(ahead), _MM_HINT_T1);
#pragma GCC unroll 4
    for (int i = 0; i < kUnrolled; ++i, ++codes, tokens += kPanelTokens * 4) {
      if (i % 2 == 0) _mm_prefetch(reinterpret_cast<const char*>(tokens) + 1024, _MM_HINT_T0);  // a line is two steps
      const __m512i low = _mm512_load_si512(codes[0][0]);
      const __m512i high = _mm512_load_si512(codes[0][16]);
      for (int t = 0; t < kTokens; ++t) add_dots(sums[t], low, high, tokens + t * 4);
    }
  }
}

// A group of columns: sums of whole numbers, then scale_w * scale_x of them, and offset_w times the activations' sum.
template <bool kPair, int kTokens, int kLines>
[[gnu::always_inline]] inline void add_group(const uint8_t (*codes)[kPanelRows][4], const float* scales_w,
                                             const float* offsets_w, int steps, const uint8_t* tokens,
                                             const float* scales_x, const float* sums_x, const uint8_t*& ahead,
                                             float* sums) {
  __m512i dots[kTokens][2];
  for (auto& dot : dots) dot[0] = dot[1] = _mm512_setzero_si512();
  add_steps<kTokens, kLines>(codes, tokens, steps, ahead, dots);
  if constexpr (kPair) {
    for (auto& dot : dots) {
      dot[0] = _mm512_slli_epi32(dot[0], 7);
      dot[1] = _mm512_slli_epi32(dot[1], 7);
    }
    add_steps<kTokens, kLines>(codes, tokens + steps * kPanelTokens * 4, steps, ahead, dots);
  }
  for (int t = 0; t < kTokens; ++t) {
    for (int half = 0; half < 2; ++half) {
      float* to = sums + t * kPanelRows + half * 16;
      const GroupScales w{_mm512_load_ps(scales_w + half * 16), _mm512_load_ps(offsets_w + half * 16)};
      const V::F term = group_term(dots[t][half], w, V::set(scales_x[t]), V::set(sums_x[t]));
      _mm512_store_ps(to, V::add(_mm512_load_ps(to), term));
    }
  }
}

int64_t panel_scratch_bytes(const Matrix&) { return kSumBytes + static_cast<int64_t>(sizeof(CodePanel)); }

template <typename Codes, bool kPair>
void multiply_code_panels(const Matrix& w, Rows x, const uint8_t* prepared, int64_t begin, int64_t end, MutableRows y,
                          uint8_t* scratch) {
  using Block = TokenBlock<kPair>;
  auto& panel = *reinterpret_cast<CodePanel*>(scratch + kSumBytes);
  constexpr int kBits = Codes::kBytes * 8 / kBlockCodes<Codes>;
  constexpr int kLines = kPair ? (kBits + 1) / 2 : kBits;  // what sixteen columns of a panel fill
  const bool is_few = x.count <= kFewTokens;
  const int64_t row_bytes = w.row_bytes();
  const auto fill = [&](const Piece& piece, const Piece& next) {
    fill_codes<Codes>(w, piece, is_few ? 0 : bytes_between(w, piece, next), panel);
    fill_scales(w, piece, panel);
  };
  const int steps = w.group_size / 4;
  const auto add = [&](const uint8_t* block, const Piece& piece, int tokens, bool is_first, float* sums) {
    const int64_t first = piece.column / w.group_size;
    const auto* scales_x = reinterpret_cast<const float*>(block + Block::scales_at(w));
    const auto* sums_x = reinterpret_cast<const float*>(block + Block::sums_at(w));
    // The next panel's bytes, as many as this piece has, or such as are at hand.
    const uint8_t* ahead = panel.codes[0][0];
    if (is_few && is_first) {
      ahead = w.weight + (piece.row + kPanelRows) * row_bytes + piece.column * kPanelRows * kBits / 8;
    }
    const auto groups = [&]<int kTokens>() __attribute__((always_inline)) {
      for (int64_t g = 0; g < piece.columns / w.group_size; ++g) {
        const int64_t at = (first + g) * kPanelTokens;
        const int64_t held = (first + g) % kPieceGroupsMax;
        add_group<kPair, kTokens, kLines>(
            panel.codes + g * steps, panel.scales[piece.panel][held], panel.offsets[piece.panel][held], steps,
            block + (first + g) * w.group_size * Block::kColumnBytes, scales_x + at, sums_x + at, ahead, sums);
      }
    };
    if (tokens <= kPanelTokens / 2) return groups.template operator()<kPanelTokens / 2>();
    groups.template operator()<kPanelTokens>();
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

}  // namespace

extern const LinearKernel kAvx512Panels[7][2] = {
    {kPanelKernel<Codes2, true>, kPanelKernel<Codes2, false>},
    {kPanelKernel<OrderedCodes<3>, true>, kPanelKernel<OrderedCodes<3>, false>},
    {kPanelKernel<Codes4, true>, kPanelKernel<Codes4, false>},
    {kPanelKernel<OrderedCodes<5>, true>, kPanelKernel<OrderedCodes<5>, false>},
    {kPanelKernel<OrderedCodes<6>, true>, kPanelKernel<OrderedCodes<6>, false>},
    {kPanelKernel<Codes8, true>, kPanelKernel<Codes8, false>},
    {kPanelKernel<CodesE2m1, true>, kPanelKernel<CodesE2m1, false>}};

}  // namespace mlxserving::kernels
