// One activation row on dot products of bytes, weights as the file has them: decoding, which is reading.
//
// Codes are taken in blocks that come out of one load, activations are stored in the order in which a block's planes
// give its elements. Sixteen 32-bit sums of a block belong to kBlockCodes / 16 neighbouring elements each; they become
// the dot products of groups, which are whole numbers, so that their order is free. Scales follow for sixteen weight
// rows at a time, in the order of the kernels for several rows (avx512_panels.cpp): the bits are the same.
#include <immintrin.h>

#include "kernels/kernels.h"
#include "kernels/tables.h"

namespace mlxserving::kernels {
namespace {

#include "kernels/f32_bits.inl"

#include "kernels/avx512_integers.inl"
#include "kernels/avx512_scales.inl"

constexpr int kBatchRows = 16;
// Rows whose sums of lanes wait for their scales: up to four, as many as leave the first-level cache to activations.
constexpr int kRowsAtOnceMax = 4;
constexpr int64_t kBlocksAtOnce = 64;
// From here on unpacking codes once for all rows is faster: bench/micro/linear_bench.
constexpr int kPanelsFrom = 3;

// How a single row of activations walks the weights. Two rows at once share the loads of activations; on AMD's Zen 4 a
// second stream defeats the prefetcher and halves the bandwidth. bench/micro/linear_bench, one row at 1 GiB.
struct IntelWalk {
  static constexpr int kRows = 2;
  static constexpr int kPrefetchBytes = 4096;
  static constexpr auto kHint = _MM_HINT_T0;
};
struct AmdWalk {
  static constexpr int kRows = 1;
  static constexpr int kPrefetchBytes = 12288;
  static constexpr auto kHint = _MM_HINT_T1;
};
struct AmdFastWalk {
  static constexpr int kRows = 1;
  static constexpr int kPrefetchBytes = 4096;
  static constexpr auto kHint = _MM_HINT_T0;
};

// ---- sums of lanes

// Sums of neighbouring lanes: those of a, then those of b, in each 128 bits; and of neighbouring 128 bits.
inline __m512i add_lanes(__m512i a, __m512i b) {
  const auto shuffled = [&]<int kWhich>() {
    return _mm512_castps_si512(_mm512_shuffle_ps(_mm512_castsi512_ps(a), _mm512_castsi512_ps(b), kWhich));
  };
  return _mm512_add_epi32(shuffled.template operator()<0x88>(), shuffled.template operator()<0xDD>());
}
inline __m512i add_quarters(__m512i a, __m512i b) {
  return _mm512_add_epi32(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xDD));
}

// Where the sixteen groups of kLanes lanes each are after the shuffles of sum_of_groups.
template <int kLanes>
struct GroupPlaces {
  alignas(64) int32_t lane[16];

  constexpr GroupPlaces() : lane{} {
    int group[16][16] = {};  // [vector][lane]
    for (int v = 0; v < kLanes; ++v) {
      for (int i = 0; i < 16; ++i) group[v][i] = v * (16 / kLanes) + i / kLanes;
    }
    for (int width = 1, left = kLanes; left > 1; width *= 2, left /= 2) {
      for (int v = 0; v < left / 2; ++v) {
        int sums[16] = {};
        for (int i = 0; i < 16; ++i) {
          const int quarter = i / 4;
          const int from = 2 * v + (width < 4 ? i % 4 / 2 : quarter / 2);
          sums[i] = group[from][width < 4 ? quarter * 4 + i % 2 * 2 : quarter % 2 * 8 + i % 4];
        }
        for (int i = 0; i < 16; ++i) group[v][i] = sums[i];
      }
    }
    for (int i = 0; i < 16; ++i) lane[group[0][i]] = i;
  }
};

// The sums of sixteen groups, of which each vector holds sixteen lanes, each group kLanes neighbouring ones.
template <int kLanes>
inline __m512i sum_of_groups(const __m512i* vectors) {
  static constexpr GroupPlaces<kLanes> kPlaces;
  __m512i sums[kLanes];
  for (int i = 0; i < kLanes; ++i) sums[i] = vectors[i];
  for (int width = 1, left = kLanes; left > 1; width *= 2, left /= 2) {
    for (int i = 0; i < left / 2; ++i) {
      sums[i] = width < 4 ? add_lanes(sums[2 * i], sums[2 * i + 1]) : add_quarters(sums[2 * i], sums[2 * i + 1]);
    }
  }
  return _mm512_permutexvar_epi32(_mm512_load_si512(kPlaces.lane), sums[0]);
}

// Of groups of two vectors.
template <>
inline __m512i sum_of_groups<32>(const __m512i* vectors) {
  __m512i whole[16];
  for (int i = 0; i < 16; ++i) whole[i] = _mm512_add_epi32(vectors[2 * i], vectors[2 * i + 1]);
  return sum_of_groups<16>(whole);
}

// ---- dot products

// What walking rows needs of a matrix, worked out once.
struct Layout {
  int64_t row_bytes;
  int64_t groups;
  int64_t stride;  // groups padded to whole vectors
  int lanes;       // of a group
  int64_t blocks;  // what `stride` groups have
  int rows_at_once;
  int64_t whole_blocks;
  __mmask64 tail;  // of the block behind them

  template <typename Codes, typename Walk>
  static Layout of(const Matrix& w) {
    const int64_t groups = w.groups();
    const int64_t stride = rounded_up(groups, kScaleGroups);
    const int lanes = w.group_size * 16 / kBlockCodes<Codes>;
    const int64_t row_bytes = w.row_bytes();
    const int64_t blocks = stride * lanes / 16;
    const int64_t fitting = kBlocksAtOnce / blocks;
    return {.row_bytes = row_bytes,
            .groups = groups,
            .stride = stride,
            .lanes = lanes,
            .blocks = blocks,
            .rows_at_once = fitting <= Walk::kRows
                                ? Walk::kRows
                                : static_cast<int>(fitting < kRowsAtOnceMax ? fitting : kRowsAtOnceMax),
            .whole_blocks = row_bytes / Codes::kBytes,
            .tail = (1ULL << static_cast<unsigned>(row_bytes % Codes::kBytes)) - 1U};
  }

  // Scratch: sums of lanes [row][block], then terms [row][group].
  int64_t sum_bytes() const { return rows_at_once * blocks * 64; }
  int64_t scratch_bytes() const { return sum_bytes() + kBatchRows * stride * 4; }
};

// Lane sums of kRows weight rows, `stride` blocks apart.
template <typename Codes, bool kPair, typename Walk, int kRows>
void dot_blocks(const Layout& layout, const uint8_t* weights, const uint8_t* x, __m512i* sums) {
  constexpr __mmask64 kWhole = ~0ULL >> (64U - static_cast<unsigned>(Codes::kBytes));
  const auto block = [&](int64_t i, __mmask64 mask) __attribute__((always_inline)) {
    for (int r = 0; r < kRows; ++r) {
      const uint8_t* p = weights + r * layout.row_bytes;
      _mm_prefetch(reinterpret_cast<const char*>(p) + Walk::kPrefetchBytes, Walk::kHint);
      __m512i planes[Codes::kPlanes];
      Codes::split(Codes::load(p, mask), planes);
      __m512i high = _mm512_setzero_si512();
      __m512i low = _mm512_setzero_si512();
      for (int plane = 0; plane < Codes::kPlanes; ++plane) {
        const uint8_t* of_plane = x + plane * (kPair ? 128 : 64);
        high = _mm512_dpbusd_epi32(high, planes[plane], _mm512_load_si512(of_plane));
        if constexpr (kPair) low = _mm512_dpbusd_epi32(low, planes[plane], _mm512_load_si512(of_plane + 64));
      }
      const __m512i dot = kPair ? _mm512_add_epi32(_mm512_slli_epi32(high, 7), low) : high;
      _mm512_store_si512(sums + r * layout.blocks + i, dot);
    }
    weights += Codes::kBytes;
    x += IntegerRow<Codes, kPair>::kBlockBytes;
  };
#pragma GCC unroll 4
  for (int64_t i = 0; i < layout.whole_blocks; ++i) block(i, kWhole);
  if (layout.tail != 0) block(layout.whole_blocks, layout.tail);
}

// An activation row, prepared.
struct Token {
  const uint8_t* codes;
  const float* scales;
  const float* sums;
};

// The terms of the groups of some weight rows; load(group, mask) gives scales of sixteen groups.
template <int kLanes, typename Load>
void terms_of_rows(const Layout& layout, int64_t row, int rows, const __m512i* blocks, const Token& x, float* terms,
                   Load load) {
  for (int r = 0; r < rows; ++r, terms += layout.stride, blocks += layout.blocks) {
    const __m512i* of_chunk = blocks;
    for (int64_t g = 0; g < layout.groups; g += kScaleGroups, of_chunk += kLanes) {
      const GroupScales of_row = load((row + r) * layout.groups + g, rows_mask(layout.groups - g));
      _mm512_store_ps(terms + g, group_term(sum_of_groups<kLanes>(of_chunk), of_row, _mm512_load_ps(x.scales + g),
                                            _mm512_load_ps(x.sums + g)));
    }
  }
}

template <int kLanes>
void terms_of_rows(const Matrix& w, const Layout& layout, int64_t row, int rows, const __m512i* blocks, const Token& x,
                   float* terms) {
  const int64_t ahead = kBatchRows * layout.groups * w.scale_bytes();
  const auto fetch = [&](const uint8_t* p) {
    _mm_prefetch(reinterpret_cast<const char*>(p) + ahead, _MM_HINT_T0);
    return p;
  };
  const auto affine = [&]<Float kType>() {
    terms_of_rows<kLanes>(layout, row, rows, blocks, x, terms, [&](int64_t group, __mmask16 mask) {
      const int64_t at = group * bytes_of(kType);
      return GroupScales{load_floats<kType>(fetch(w.scales + at), mask),
                         load_floats<kType>(fetch(w.biases + at), mask)};
    });
  };
  if (w.packing == Packing::affine) {
    switch (w.type) {
      case Float::f32: return affine.template operator()<Float::f32>();
      case Float::f16: return affine.template operator()<Float::f16>();
      case Float::bf16: return affine.template operator()<Float::bf16>();
    }
  }
  terms_of_rows<kLanes>(layout, row, rows, blocks, x, terms, [&](int64_t group, __mmask16 mask) {
    fetch(w.scales + group);
    return e2m1_scales(w, group, mask);
  });
}

void terms_of_rows(const Matrix& w, const Layout& layout, int64_t row, int rows, const __m512i* blocks, const Token& x,
                   float* terms) {
  switch (layout.lanes) {
    case 2: return terms_of_rows<2>(w, layout, row, rows, blocks, x, terms);
    case 4: return terms_of_rows<4>(w, layout, row, rows, blocks, x, terms);
    case 8: return terms_of_rows<8>(w, layout, row, rows, blocks, x, terms);
    case 16: return terms_of_rows<16>(w, layout, row, rows, blocks, x, terms);
    default: return terms_of_rows<32>(w, layout, row, rows, blocks, x, terms);
  }
}

// y[0..rows) of a batch of weight rows: for each the sum of its terms, one after another.
void add_terms(const Matrix& w, int64_t row, int rows, const float* terms, int64_t groups, float* y) {
  V::F sum = V::set(0);
  for (int64_t g = 0; g < groups; g += 16) {
    transpose_rows(reinterpret_cast<const uint8_t*>(terms + g), groups * 4,
                   [&](int, __m512i of_rows) { sum = V::add(sum, _mm512_castsi512_ps(of_rows)); });
  }
  const __mmask16 mask = rows_mask(rows);
  const V::F bias = w.bias != nullptr ? _mm512_maskz_loadu_ps(mask, w.bias + row) : V::set(0);
  _mm512_mask_storeu_ps(y, mask, V::add(sum, bias));
}

// ---- the kernels

template <typename Codes, bool kPair, typename Walk>
void dots_of_rows(const Layout& layout, const uint8_t* weights, int rows, const uint8_t* x, __m512i* sums) {
  int r = 0;
  for (; r + Walk::kRows <= rows; r += Walk::kRows) {
    dot_blocks<Codes, kPair, Walk, Walk::kRows>(layout, weights + r * layout.row_bytes, x, sums + r * layout.blocks);
  }
  if constexpr (Walk::kRows > 1) {
    if (r < rows) {
      dot_blocks<Codes, kPair, Walk, 1>(layout, weights + r * layout.row_bytes, x, sums + r * layout.blocks);
    }
  }
}

template <typename Codes, bool kPair, typename Walk>
void multiply_rows(const Matrix& w, Rows x, const uint8_t* prepared, int64_t begin, int64_t end, MutableRows y,
                   uint8_t* scratch) {
  using Row = IntegerRow<Codes, kPair>;
  const Layout layout = Layout::of<Codes, Walk>(w);
  auto* sums = reinterpret_cast<__m512i*>(scratch);
  auto* terms = reinterpret_cast<float*>(scratch + layout.sum_bytes());
  __builtin_memset(scratch, 0, static_cast<size_t>(layout.scratch_bytes()));
  const int64_t token_bytes = Row::bytes(w);
  const int64_t scales_at = Row::scales_at(w);
  const int64_t sums_at = Row::sums_at(w);
  for (int64_t row = begin; row < end; row += kBatchRows) {
    const int rows = static_cast<int>(end - row < kBatchRows ? end - row : kBatchRows);
    const uint8_t* codes = prepared;
    for (int t = 0; t < x.count; ++t, codes += token_bytes) {
      const Token token{codes, reinterpret_cast<const float*>(codes + scales_at),
                        reinterpret_cast<const float*>(codes + sums_at)};
      for (int r = 0; r < rows; r += layout.rows_at_once) {
        const int at_once = rows - r < layout.rows_at_once ? rows - r : layout.rows_at_once;
        dots_of_rows<Codes, kPair, Walk>(layout, w.weight + (row + r) * layout.row_bytes, at_once, codes, sums);
        terms_of_rows(w, layout, row + r, at_once, sums, token, terms + r * layout.stride);
      }
      add_terms(w, row, rows, terms, layout.stride, y.data + t * y.stride + row);
    }
  }
}

template <typename Codes, typename Walk>
int64_t scratch_bytes(const Matrix& w) {
  return Layout::of<Codes, Walk>(w).scratch_bytes();
}

template <typename Codes, bool kPair>
int64_t prepared_bytes(const Matrix& w) {
  return IntegerRow<Codes, kPair>::bytes(w);
}

template <typename Codes, bool kPair, typename Walk>
constexpr LinearKernel kRowKernel = {.name = kPair ? "vnni 15-bit" : "vnni 8-bit",
                                     .row_block = 1,
                                     .prepared_bytes = prepared_bytes<Codes, kPair>,
                                     .prepare = prepare_integers<Codes, kPair>,
                                     .scratch_bytes = scratch_bytes<Codes, Walk>,
                                     .multiply = multiply_rows<Codes, kPair, Walk>,
                                     .batch = &kAvx512Panels[Codes::kIndex][kPair ? 0 : 1],
                                     .batch_rows = kPanelsFrom};

template <typename Codes>
const LinearKernel* row_kernel(Numerics numerics) {
  const bool is_amd = __builtin_cpu_is("amd") != 0;
  if (numerics == Numerics::standard) {
    return is_amd ? &kRowKernel<Codes, true, AmdWalk> : &kRowKernel<Codes, true, IntelWalk>;
  }
  return is_amd ? &kRowKernel<Codes, false, AmdFastWalk> : &kRowKernel<Codes, false, IntelWalk>;
}

}  // namespace

const LinearKernel* avx512_rows(const Matrix& w, Numerics numerics) {
  if (numerics == Numerics::exact) return nullptr;
  if (w.packing == Packing::mxfp4 || w.packing == Packing::nvfp4) return row_kernel<CodesE2m1>(numerics);
  if (w.packing != Packing::affine) return nullptr;
  switch (w.bits) {
    case 2: return row_kernel<Codes2>(numerics);
    case 3: return row_kernel<OrderedCodes<3>>(numerics);
    case 4: return row_kernel<Codes4>(numerics);
    case 5: return row_kernel<OrderedCodes<5>>(numerics);
    case 6: return row_kernel<OrderedCodes<6>>(numerics);
    default: return row_kernel<Codes8>(numerics);
  }
}

}  // namespace mlxserving::kernels
