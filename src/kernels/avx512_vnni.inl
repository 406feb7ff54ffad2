// Decode rows on byte dot products (vpdpbusd), weights as the file has them. Each group of an activation row becomes
// 15-bit integers in two bytes, q = 128 * high + low (relative error about 5e-5), or one byte in fast mode; codes are
// unsigned bytes already. A group's offset multiplies the sum of the *quantised* activations, so that rounding errors
// do not meet the uncentred code.
//
//   y = Σ_groups scale_w * scale_x * Σ codes * q  +  offset_w * (scale_x * Σ q)
//
// Codes are taken in blocks that come out of one load: kPlanes vectors of 64 bytes, byte j of plane p being element
// j * kPlanes + p of the block. Activations are stored in that order. Sixteen 32-bit sums of a block belong to
// kCodes / 16 neighbouring elements each, so one permutation of the groups' scales fits them, and nothing is added
// across lanes before the end of a row.
#pragma once

#include "kernels/avx512_codes.inl"

// A block of codes by width: `planes` unpacks the bytes at p, of which `mask` are there.
struct Codes2 {
  static constexpr int kPlanes = 4;
  static constexpr int kBytes = 64;
  static void planes(const uint8_t* p, __mmask64 mask, __m512i* out) {
    const __m512i v = _mm512_maskz_loadu_epi8(mask, p);
    const __m512i low = _mm512_set1_epi8(3);
    out[0] = _mm512_and_si512(v, low);
    out[1] = _mm512_and_si512(_mm512_srli_epi16(v, 2), low);
    out[2] = _mm512_and_si512(_mm512_srli_epi16(v, 4), low);
    out[3] = _mm512_and_si512(_mm512_srli_epi16(v, 6), low);
  }
};

struct Codes4 {
  static constexpr int kPlanes = 2;
  static constexpr int kBytes = 64;
  static void planes(const uint8_t* p, __mmask64 mask, __m512i* out) {
    const __m512i v = _mm512_maskz_loadu_epi8(mask, p);
    const __m512i low = _mm512_set1_epi8(15);
    out[0] = _mm512_and_si512(v, low);
    out[1] = _mm512_and_si512(_mm512_srli_epi16(v, 4), low);
  }
};

struct Codes8 {
  static constexpr int kPlanes = 1;
  static constexpr int kBytes = 64;
  static void planes(const uint8_t* p, __mmask64 mask, __m512i* out) { out[0] = _mm512_maskz_loadu_epi8(mask, p); }
};

// E2M1 as 2 * value + 12: unsigned, with the affine scale s / 2 and offset -6 s.
struct CodesE2m1 {
  static constexpr int kPlanes = 2;
  static constexpr int kBytes = 64;
  static void planes(const uint8_t* p, __mmask64 mask, __m512i* out) {
    const __m512i table =
        _mm512_broadcast_i32x4(_mm_setr_epi8(12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0));
    __m512i nibbles[2];
    Codes4::planes(p, mask, nibbles);
    out[0] = _mm512_shuffle_epi8(table, nibbles[0]);
    out[1] = _mm512_shuffle_epi8(table, nibbles[1]);
  }
};

template <typename Codes>
constexpr int kBlockCodes = 64 * Codes::kPlanes;

// Groups whose scales one vector holds.
constexpr int kScaleGroups = 16;

constexpr int64_t rounded_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

// An activation row in integers: [block][plane][high 64, low 64] (fast: high alone), then a scale and a scaled sum for
// each group, both padded with zeros to whole vectors, then room to quantise in.
template <typename Codes, bool kPair>
struct IntegerRow {
  static constexpr int64_t kBlockBytes = int64_t{kBlockCodes<Codes>} * (kPair ? 2 : 1);

  static int64_t blocks(const Matrix& w) { return (w.columns + kBlockCodes<Codes> - 1) / kBlockCodes<Codes>; }
  static int64_t groups(const Matrix& w) { return rounded_up(w.groups(), kScaleGroups); }
  static int64_t scales_at(const Matrix& w) { return blocks(w) * kBlockBytes; }
  static int64_t sums_at(const Matrix& w) { return scales_at(w) + groups(w) * 4; }
  static int64_t codes_at(const Matrix& w) { return sums_at(w) + groups(w) * 4; }
  static int64_t bytes(const Matrix& w) { return rounded_up(codes_at(w) + blocks(w) * kBlockCodes<Codes> * 2, 64); }
};

// One group as integers; gives its scale and the scaled sum of what was stored. Anything not finite makes the scale
// NaN.
template <bool kPair>
void quantize_group(const float* x, int count, int8_t* high, int8_t* low, float* scale, float* sum) {
  constexpr float kLargest = kPair ? 16256.0F : 127.0F;  // 127 * 128, 127
  V::F largest = V::set(0);
  V::F poison = V::set(0);
  for (int i = 0; i < count; i += V::kWidth) {
    const V::F v = V::load(x + i);
    largest = V::max(_mm512_abs_ps(v), largest);
    poison = V::fma(v, V::set(0), poison);
  }
  const float absmax = V::largest(largest);
  const float factor = absmax > 0 ? kLargest / absmax : 0.0F;
  __m512i total = _mm512_setzero_si512();
  for (int i = 0; i < count; i += V::kWidth) {
    const __m512i q = _mm512_cvtps_epi32(V::mul(V::load(x + i), V::set(factor)));
    total = _mm512_add_epi32(total, q);
    const __m512i h = kPair ? _mm512_srai_epi32(_mm512_add_epi32(q, _mm512_set1_epi32(64)), 7) : q;
    _mm_storeu_si128(reinterpret_cast<__m128i*>(high + i), _mm512_cvtepi32_epi8(h));
    if constexpr (kPair) {
      const __m512i l = _mm512_sub_epi32(q, _mm512_slli_epi32(h, 7));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(low + i), _mm512_cvtepi32_epi8(l));
    }
  }
  *scale = absmax / kLargest + V::sum(poison);
  *sum = static_cast<float>(_mm512_reduce_add_epi32(total)) * *scale;
}

// Bytes 0, 2, 4 … of 128 at `from`, then bytes 1, 3, 5 ….
inline void split_pairs(const int8_t* from, __m512i* even, __m512i* odd) {
  const __m512i a = _mm512_loadu_si512(from);
  const __m512i b = _mm512_loadu_si512(from + 64);
  alignas(64) static constexpr auto kEven = [] {
    struct Table {
      uint8_t index[64];
    } t{};
    for (int i = 0; i < 64; ++i) t.index[i] = static_cast<uint8_t>(2 * i);
    return t;
  }();
  const __m512i index = _mm512_load_si512(kEven.index);
  *even = _mm512_permutex2var_epi8(a, index, b);
  *odd = _mm512_permutex2var_epi8(a, _mm512_or_si512(index, _mm512_set1_epi8(1)), b);
}

// The planes of a block of kPlanes * 64 codes in natural order.
template <int kPlanes>
void split_planes(const int8_t* codes, __m512i* planes) {
  if constexpr (kPlanes == 1) {
    planes[0] = _mm512_loadu_si512(codes);
  } else if constexpr (kPlanes == 2) {
    split_pairs(codes, &planes[0], &planes[1]);
  } else {
    alignas(64) int8_t even[128];
    alignas(64) int8_t odd[128];
    for (int half = 0; half < 2; ++half) {
      __m512i e;
      __m512i o;
      split_pairs(codes + half * 128, &e, &o);
      _mm512_store_si512(even + half * 64, e);
      _mm512_store_si512(odd + half * 64, o);
    }
    split_pairs(even, &planes[0], &planes[2]);
    split_pairs(odd, &planes[1], &planes[3]);
  }
}

template <typename Codes, bool kPair>
void prepare_integers(const Matrix& w, Rows x, uint8_t* prepared) {
  using Row = IntegerRow<Codes, kPair>;
  auto* scales = reinterpret_cast<float*>(prepared + Row::scales_at(w));
  auto* sums = reinterpret_cast<float*>(prepared + Row::sums_at(w));
  const int64_t padded = Row::blocks(w) * kBlockCodes<Codes>;
  auto* high = reinterpret_cast<int8_t*>(prepared + Row::codes_at(w));
  int8_t* low = high + padded;
  __builtin_memset(scales, 0, static_cast<size_t>(Row::groups(w)) * 8);
  __builtin_memset(high + w.columns, 0, static_cast<size_t>(padded - w.columns));
  __builtin_memset(low + w.columns, 0, static_cast<size_t>(padded - w.columns));
  for (int64_t g = 0; g < w.groups(); ++g) {
    const int64_t k = g * w.group_size;
    quantize_group<kPair>(x.data + k, w.group_size, high + k, low + k, scales + g, sums + g);
  }
  for (int64_t block = 0; block < Row::blocks(w); ++block) {
    __m512i h[Codes::kPlanes];
    __m512i l[Codes::kPlanes];
    split_planes<Codes::kPlanes>(high + block * kBlockCodes<Codes>, h);
    if constexpr (kPair) split_planes<Codes::kPlanes>(low + block * kBlockCodes<Codes>, l);
    uint8_t* to = prepared + block * Row::kBlockBytes;
    for (int p = 0; p < Codes::kPlanes; ++p) {
      _mm512_store_si512(to, h[p]);
      to += 64;
      if constexpr (!kPair) continue;
      _mm512_store_si512(to, l[p]);
      to += 64;
    }
  }
}

// Scales and offsets of up to 16 groups of a weight row, zero where there is none.
struct GroupScales {
  V::F scale;
  V::F offset;
};

inline GroupScales load_scales(const Matrix& w, int64_t group, int count) {
  const __mmask16 mask = lanes(count);
  if (w.packing == Packing::affine) {
    const int64_t at = group * bytes_of(w.type);
    switch (w.type) {
      case Float::f32:
        return {V::load_part_as<Float::f32>(w.scales + at, count), V::load_part_as<Float::f32>(w.biases + at, count)};
      case Float::f16:
        return {V::load_part_as<Float::f16>(w.scales + at, count), V::load_part_as<Float::f16>(w.biases + at, count)};
      case Float::bf16:
        return {V::load_part_as<Float::bf16>(w.scales + at, count), V::load_part_as<Float::bf16>(w.biases + at, count)};
    }
  }
  alignas(16) uint8_t bytes[16];
  _mm_store_si128(reinterpret_cast<__m128i*>(bytes), _mm_maskz_loadu_epi8(mask, w.scales + group));
  V::F scale = V::from_e4m3(bytes);
  if (w.packing == Packing::mxfp4) {
    const __m512i exponent = _mm512_slli_epi32(V::bytes(bytes), 23);
    const __mmask16 least = _mm512_cmpeq_epi32_mask(exponent, _mm512_setzero_si512());
    scale = _mm512_castsi512_ps(_mm512_mask_mov_epi32(exponent, least, _mm512_set1_epi32(0x00400000)));
  }
  scale = _mm512_maskz_mul_ps(mask, scale, V::set(0.5F));
  return {scale, V::mul(scale, V::set(-12.0F))};
}

// How far ahead of its use a weight is asked for. 4 KiB is best on Intel (Granite Rapids, models in L3 and in DRAM);
// see bench/micro/linear_bench.
constexpr int kPrefetchBytes = 4096;

inline void prefetch_scales(const Matrix& w, int64_t at) {
  _mm_prefetch(reinterpret_cast<const char*>(w.scales) + at, _MM_HINT_T0);
  if (w.packing == Packing::affine) _mm_prefetch(reinterpret_cast<const char*>(w.biases) + at, _MM_HINT_T0);
}

// What the row loop needs of the matrix and of the prepared rows, worked out once.
template <typename Codes, bool kPair, int kSpan>
struct IntegerLayout {
  using Row = IntegerRow<Codes, kPair>;
  static constexpr int kLaneCodes = kBlockCodes<Codes> / 16;

  int64_t groups;
  int64_t row_bytes;
  int64_t scales_at;
  int64_t sums_at;
  int64_t token_bytes;
  int64_t scales_ahead;  // bytes of scales that go with kPrefetchBytes of codes
  int group_step;       // groups that a unit of kSpan blocks holds
  __m512i first_index;  // which group's scale a 32-bit lane of a unit wants

  explicit IntegerLayout(const Matrix& w)
      : groups(w.groups()),
        row_bytes(w.row_bytes()),
        scales_at(Row::scales_at(w)),
        sums_at(Row::sums_at(w)),
        token_bytes(Row::bytes(w)),
        scales_ahead(kPrefetchBytes / w.row_bytes() * w.groups() * w.scale_bytes()),
        group_step(kSpan > 1 ? 1 : kBlockCodes<Codes> / w.group_size) {
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const int lanes_a_group = __builtin_ctz(static_cast<unsigned>(w.group_size / kLaneCodes));
    first_index = _mm512_srli_epi32(lane, static_cast<unsigned>(lanes_a_group));
  }
};

// y[token][row] for kRows weight rows and kTokens tokens. kSpan blocks share a group when a group is longer than a
// block.
template <typename Codes, bool kPair, int kSpan, int kRows, int kTokens>
[[gnu::always_inline]] inline void multiply_integers(const Matrix& w, const IntegerLayout<Codes, kPair, kSpan>& layout,
                                                     int64_t row, const uint8_t* prepared, float* y, int64_t y_stride) {
  const __m512i index_step = _mm512_set1_epi32(layout.group_step);
  const uint8_t* weights = w.weight + row * layout.row_bytes;
  V::F sums[kRows][kTokens];
  for (auto& row_sums : sums) {
    for (auto& sum : row_sums) sum = V::set(0);
  }
  int64_t at = 0;        // bytes of the weight row
  int64_t block_at = 0;  // bytes of the prepared rows
  for (int64_t group = 0; group < layout.groups; group += kScaleGroups) {
    const int64_t left = layout.groups - group;
    const int count = static_cast<int>(left < kScaleGroups ? left : kScaleGroups);
    V::F scales[kRows][kTokens];
    for (int r = 0; r < kRows; ++r) {
      const int64_t first_group = (row + r) * layout.groups + group;
      prefetch_scales(w, first_group * w.scale_bytes() + layout.scales_ahead);
      const GroupScales of_row = load_scales(w, first_group, count);
      for (int t = 0; t < kTokens; ++t) {
        const uint8_t* token = prepared + t * layout.token_bytes + group * 4;
        scales[r][t] = V::mul(of_row.scale, _mm512_load_ps(token + layout.scales_at));
        sums[r][t] = V::fma(of_row.offset, _mm512_load_ps(token + layout.sums_at), sums[r][t]);
      }
    }
    __m512i index = layout.first_index;
    for (int g = 0; g < count; g += layout.group_step) {
      __m512i high[kRows][kTokens];
      __m512i low[kRows][kTokens];
      for (int r = 0; r < kRows; ++r) {
        for (int t = 0; t < kTokens; ++t) high[r][t] = low[r][t] = _mm512_setzero_si512();
      }
      for (int span = 0; span < kSpan; ++span) {
        const int64_t bytes = layout.row_bytes - at < Codes::kBytes ? layout.row_bytes - at : Codes::kBytes;
        const __mmask64 mask = ~0ULL >> (64U - static_cast<unsigned>(bytes));
        for (int r = 0; r < kRows; ++r) {
          const uint8_t* p = weights + r * layout.row_bytes + at;
          _mm_prefetch(reinterpret_cast<const char*>(p) + kPrefetchBytes, _MM_HINT_T0);
          __m512i planes[Codes::kPlanes];
          Codes::planes(p, mask, planes);
          for (int t = 0; t < kTokens; ++t) {
            const uint8_t* x = prepared + t * layout.token_bytes + block_at;
            for (int plane = 0; plane < Codes::kPlanes; ++plane, x += kPair ? 128 : 64) {
              high[r][t] = _mm512_dpbusd_epi32(high[r][t], planes[plane], _mm512_load_si512(x));
              if constexpr (kPair) low[r][t] = _mm512_dpbusd_epi32(low[r][t], planes[plane], _mm512_load_si512(x + 64));
            }
          }
        }
        at += Codes::kBytes;
        block_at += IntegerRow<Codes, kPair>::kBlockBytes;
      }
      for (int r = 0; r < kRows; ++r) {
        for (int t = 0; t < kTokens; ++t) {
          const __m512i dot = kPair ? _mm512_add_epi32(_mm512_slli_epi32(high[r][t], 7), low[r][t]) : high[r][t];
          sums[r][t] = V::fma(_mm512_cvtepi32_ps(dot), _mm512_permutexvar_ps(index, scales[r][t]), sums[r][t]);
        }
      }
      index = _mm512_add_epi32(index, index_step);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    const float bias = w.bias != nullptr ? w.bias[row + r] : 0.0F;
    for (int t = 0; t < kTokens; ++t) y[t * y_stride + r] = V::sum(sums[r][t]) + bias;
  }
}

// All tokens against kRows weight rows, four, two, one at a time.
template <typename Codes, bool kPair, int kSpan, int kRows, int kTokens = 4>
void multiply_integer_tokens(const Matrix& w, const IntegerLayout<Codes, kPair, kSpan>& layout, int64_t row, int count,
                             const uint8_t* prepared, float* y, int64_t y_stride) {
  for (; count >= kTokens; count -= kTokens, prepared += kTokens * layout.token_bytes, y += kTokens * y_stride) {
    multiply_integers<Codes, kPair, kSpan, kRows, kTokens>(w, layout, row, prepared, y, y_stride);
  }
  if constexpr (kTokens > 1) {
    if (count == 0) return;
    multiply_integer_tokens<Codes, kPair, kSpan, kRows, kTokens / 2>(w, layout, row, count, prepared, y, y_stride);
  }
}

template <typename Codes, bool kPair, int kSpan, int kWalk>
void multiply_integer_rows(const Matrix& w, Rows x, const uint8_t* prepared, int64_t begin, int64_t end, MutableRows y,
                           uint8_t*) {
  const IntegerLayout<Codes, kPair, kSpan> layout(w);
  if (x.count == 1) {
    for (; begin + kWalk <= end; begin += kWalk) {
      multiply_integers<Codes, kPair, kSpan, kWalk, 1>(w, layout, begin, prepared, y.data + begin, y.stride);
    }
  }
  for (; begin + kWalk <= end; begin += kWalk) {
    multiply_integer_tokens<Codes, kPair, kSpan, kWalk>(w, layout, begin, x.count, prepared, y.data + begin, y.stride);
  }
  for (; begin < end; ++begin) {
    multiply_integer_tokens<Codes, kPair, kSpan, 1>(w, layout, begin, x.count, prepared, y.data + begin, y.stride);
  }
}

template <typename Codes, bool kPair>
int64_t integer_row_bytes(const Matrix& w) {
  return IntegerRow<Codes, kPair>::bytes(w);
}

int64_t no_scratch(const Matrix&) { return 0; }

template <typename Codes, bool kPair, int kSpan, int kWalk>
constexpr LinearKernel kIntegerKernel = {.name = kPair ? "vnni 15-bit" : "vnni 8-bit",
                                         .row_block = 1,
                                         .prepared_bytes = integer_row_bytes<Codes, kPair>,
                                         .prepare = prepare_integers<Codes, kPair>,
                                         .scratch_bytes = no_scratch,
                                         .multiply = multiply_integer_rows<Codes, kPair, kSpan, kWalk>};

// Intel reads two rows at once; on AMD a second stream defeats the prefetcher and halves the bandwidth.
template <typename Codes, int kSpan>
const LinearKernel* integer_kernel(Numerics numerics) {
  const bool one_row = __builtin_cpu_is("amd") != 0;
  if (numerics == Numerics::standard) {
    return one_row ? &kIntegerKernel<Codes, true, kSpan, 1> : &kIntegerKernel<Codes, true, kSpan, 2>;
  }
  return one_row ? &kIntegerKernel<Codes, false, kSpan, 1> : &kIntegerKernel<Codes, false, kSpan, 2>;
}

template <typename Codes>
const LinearKernel* integer_kernel_of(const Matrix& w, Numerics numerics) {
  if constexpr (Codes::kPlanes == 1) {
    if (w.group_size > kBlockCodes<Codes>) return integer_kernel<Codes, 2>(numerics);
  }
  return integer_kernel<Codes, 1>(numerics);
}

// Null where integers do not help: dense weights, fp8 codes, exact numerics.
const LinearKernel* integer_kernel_for(const Matrix& w, Numerics numerics) {
  if (numerics == Numerics::exact) return nullptr;
  if (w.packing == Packing::mxfp4 || w.packing == Packing::nvfp4) return integer_kernel_of<CodesE2m1>(w, numerics);
  if (w.packing != Packing::affine) return nullptr;
  switch (w.bits) {
    case 2: return integer_kernel_of<Codes2>(w, numerics);
    case 3: return integer_kernel_of<OrderedCodes<3>>(w, numerics);
    case 4: return integer_kernel_of<Codes4>(w, numerics);
    case 5: return integer_kernel_of<OrderedCodes<5>>(w, numerics);
    case 6: return integer_kernel_of<OrderedCodes<6>>(w, numerics);
    default: return integer_kernel_of<Codes8>(w, numerics);
  }
}
