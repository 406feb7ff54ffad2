// Decode rows on byte dot products, weights as the file has them.
//
//   y = Σ_groups scale_w * scale_x * Σ codes * q  +  offset_w * (scale_x * Σ q)
//
// Codes are taken in blocks that come out of one load, activations are stored in the order in which a block's planes
// give its elements. Sixteen 32-bit sums of a block belong to kBlockCodes / 16 neighbouring elements each, so one
// permutation of the groups' scales fits them, and nothing is added across lanes before the end of a row.
//
// Rows go in batches of sixteen, whose lane sums are added up by one transposition. A batch meets up to four tokens at
// a time and is read again, from the first-level cache, for the next four.
#pragma once

#include "kernels/avx512_integers.inl"
#include "kernels/avx512_scales.inl"

constexpr int kBatchRows = 16;
constexpr int kTokensMax = 4;

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
// More tokens compute longer on each byte.
struct BatchWalk {
  static constexpr int kRows = 1;
  static constexpr int kPrefetchBytes = 4096;
  static constexpr auto kHint = _MM_HINT_T0;
};

// A batch's working memory: lane sums [token][row], and scale_w * scale_x of [token][row][group], padded to whole
// vectors.
template <typename Codes, bool kPair>
struct BatchScratch {
  using Row = IntegerRow<Codes, kPair>;

  float* scales;
  V::F* sums;
  int64_t scale_stride;  // of a row

  BatchScratch(const Matrix& w, uint8_t* scratch)
      : scales(reinterpret_cast<float*>(scratch) + kTokensMax * kBatchRows * V::kWidth),
        sums(reinterpret_cast<V::F*>(scratch)),
        scale_stride(Row::groups(w)) {}

  float* scales_of(int token, int row) const { return scales + (token * kBatchRows + row) * scale_stride; }
  V::F& sum(int token, int row) const { return sums[token * kBatchRows + row]; }

  static int64_t bytes(const Matrix& w) {
    const int64_t floats = kTokensMax * kBatchRows * (V::kWidth + Row::groups(w));
    return (floats + V::kWidth) * 4;  // the last row's scales are read a vector at any group
  }
};

// Scales of `rows` rows times those of the tokens; the lane sums begin with what the offsets give.
template <typename Codes, bool kPair, int kTokens, typename Load>
[[gnu::always_inline]] inline void scale_rows(const Matrix& w, int64_t row, int rows, const uint8_t* tokens,
                                              const BatchScratch<Codes, kPair>& scratch, Load load) {
  using Row = IntegerRow<Codes, kPair>;
  const int64_t groups = w.groups();
  const int64_t token_bytes = Row::bytes(w);
  const uint8_t* scales_x = tokens + Row::scales_at(w);
  const uint8_t* sums_x = tokens + Row::sums_at(w);
  const __mmask16 tail = lanes(static_cast<int>(groups % kScaleGroups));
  for (int r = 0; r < rows; ++r) {
    V::F sums[kTokens];
    for (auto& sum : sums) sum = V::set(0);
    for (int64_t g = 0; g < groups; g += kScaleGroups) {
      const __mmask16 mask = groups - g < kScaleGroups ? tail : static_cast<__mmask16>(0xFFFF);
      const auto of_row = load((row + r) * groups + g, mask);
      for (int t = 0; t < kTokens; ++t) {
        const V::F scale_x = _mm512_load_ps(scales_x + t * token_bytes + g * 4);
        const V::F sum_x = _mm512_load_ps(sums_x + t * token_bytes + g * 4);
        _mm512_storeu_ps(scratch.scales_of(t, r) + g, V::mul(of_row.scale, scale_x));
        sums[t] = V::fma(of_row.offset, sum_x, sums[t]);
      }
    }
    for (int t = 0; t < kTokens; ++t) scratch.sum(t, r) = sums[t];
  }
}

template <typename Codes, bool kPair, int kTokens>
void scale_batch(const Matrix& w, int64_t row, int rows, const uint8_t* tokens,
                 const BatchScratch<Codes, kPair>& scratch) {
  const int64_t ahead = kBatchRows * w.groups() * w.scale_bytes();
  const auto fetch = [&](const uint8_t* p) {
    _mm_prefetch(reinterpret_cast<const char*>(p) + ahead, _MM_HINT_T0);
    return p;
  };
  const auto affine = [&]<Float kType>() {
    scale_rows<Codes, kPair, kTokens>(w, row, rows, tokens, scratch, [&](int64_t group, __mmask16 mask) {
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
  scale_rows<Codes, kPair, kTokens>(w, row, rows, tokens, scratch, [&](int64_t group, __mmask16 mask) {
    fetch(w.scales + group);
    return e2m1_scales(w, group, mask);
  });
}

// ---- codes

// What the loop over a row needs of the matrix, worked out once. A unit is kSpan blocks: those that share a group where
// a group is longer than a block.
template <typename Codes, bool kPair, int kSpan>
struct IntegerLayout {
  using Row = IntegerRow<Codes, kPair>;
  static constexpr int kUnitBytes = Codes::kBytes * kSpan;
  static constexpr int kLaneCodes = kBlockCodes<Codes> / 16;

  int64_t row_bytes;
  int64_t token_bytes;
  int64_t whole_units;
  int group_step;         // groups that a unit holds
  __mmask64 tail[kSpan];  // what the last, partial unit has of each block
  __m512i group_of_lane;

  explicit IntegerLayout(const Matrix& w)
      : row_bytes(w.row_bytes()),
        token_bytes(Row::bytes(w)),
        whole_units(row_bytes / kUnitBytes),
        group_step(kSpan > 1 ? 1 : kBlockCodes<Codes> / w.group_size) {
    for (int i = 0; i < kSpan; ++i) {
      const int64_t left = row_bytes - whole_units * kUnitBytes - i * Codes::kBytes;
      tail[i] = left >= Codes::kBytes ? kWhole : left > 0 ? ~0ULL >> (64U - static_cast<unsigned>(left)) : 0;
    }
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const int lanes_a_group = __builtin_ctz(static_cast<unsigned>(w.group_size / kLaneCodes));
    group_of_lane = _mm512_srli_epi32(lane, static_cast<unsigned>(lanes_a_group));
  }
  bool has_tail() const { return tail[0] != 0; }

  static constexpr __mmask64 kWhole = ~0ULL >> (64U - static_cast<unsigned>(Codes::kBytes));
};

// Adds the dot products of kRows weight rows and kTokens tokens to their lane sums.
template <typename Codes, bool kPair, int kSpan, typename Walk, int kRows, int kTokens>
[[gnu::always_inline]] inline void add_dots(const IntegerLayout<Codes, kPair, kSpan>& layout, const uint8_t* weights,
                                            const uint8_t* tokens, const BatchScratch<Codes, kPair>& scratch, int row) {
  constexpr int64_t kBlockBytes = IntegerRow<Codes, kPair>::kBlockBytes;
  const __m512i group_of_lane = layout.group_of_lane;
  V::F sums[kRows][kTokens];
  for (int r = 0; r < kRows; ++r) {
    for (int t = 0; t < kTokens; ++t) sums[r][t] = scratch.sum(t, row + r);
  }
  const float* scales = scratch.scales_of(0, row);
  const auto unit = [&](const __mmask64* masks) __attribute__((always_inline)) {
    __m512i high[kRows][kTokens];
    __m512i low[kRows][kTokens];
    for (int r = 0; r < kRows; ++r) {
      for (int t = 0; t < kTokens; ++t) high[r][t] = low[r][t] = _mm512_setzero_si512();
    }
    for (int span = 0; span < kSpan; ++span) {
      const __mmask64 mask = masks == nullptr ? layout.kWhole : masks[span];
      for (int r = 0; r < kRows; ++r) {
        const uint8_t* p = weights + r * layout.row_bytes + span * Codes::kBytes;
        _mm_prefetch(reinterpret_cast<const char*>(p) + Walk::kPrefetchBytes, Walk::kHint);
        __m512i planes[Codes::kPlanes];
        Codes::split(Codes::load(p, mask), planes);
        for (int t = 0; t < kTokens; ++t) {
          const uint8_t* x = tokens + t * layout.token_bytes + span * kBlockBytes;
          for (int plane = 0; plane < Codes::kPlanes; ++plane, x += kPair ? 128 : 64) {
            high[r][t] = _mm512_dpbusd_epi32(high[r][t], planes[plane], _mm512_load_si512(x));
            if constexpr (kPair) low[r][t] = _mm512_dpbusd_epi32(low[r][t], planes[plane], _mm512_load_si512(x + 64));
          }
        }
      }
    }
    for (int r = 0; r < kRows; ++r) {
      for (int t = 0; t < kTokens; ++t) {
        const __m512i dot = kPair ? _mm512_add_epi32(_mm512_slli_epi32(high[r][t], 7), low[r][t]) : high[r][t];
        const V::F scale = _mm512_loadu_ps(scales + (t * kBatchRows + r) * scratch.scale_stride);
        sums[r][t] = V::fma(_mm512_cvtepi32_ps(dot), _mm512_permutexvar_ps(group_of_lane, scale), sums[r][t]);
      }
    }
  };
  for (int64_t i = 0; i < layout.whole_units; ++i) {
    unit(nullptr);
    weights += layout.kUnitBytes;
    tokens += kSpan * kBlockBytes;
    scales += layout.group_step;
  }
  if (layout.has_tail()) unit(layout.tail);
  for (int r = 0; r < kRows; ++r) {
    for (int t = 0; t < kTokens; ++t) scratch.sum(t, row + r) = sums[r][t];
  }
}

// Lane i: the sum of all lanes of vectors[i], added in one order for every i.
inline V::F sum_of_each(const V::F* vectors) {
  V::F pairs[8];
  for (int i = 0; i < 8; ++i) {
    const V::F a = vectors[2 * i];
    const V::F b = vectors[2 * i + 1];
    pairs[i] = V::add(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
  }
  V::F quads[4];
  for (int i = 0; i < 4; ++i) {
    const __m512d a = _mm512_castps_pd(pairs[2 * i]);
    const __m512d b = _mm512_castps_pd(pairs[2 * i + 1]);
    quads[i] = V::add(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)), _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
  }
  const auto halves = [](V::F a, V::F b) {
    return V::add(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xDD));
  };
  return halves(halves(quads[0], quads[1]), halves(quads[2], quads[3]));
}

// ---- a batch

template <typename Codes, bool kPair, int kSpan, typename Walk, int kTokens>
void multiply_batch(const Matrix& w, const IntegerLayout<Codes, kPair, kSpan>& layout, int64_t row, int rows,
                    const uint8_t* tokens, const BatchScratch<Codes, kPair>& scratch, float* y, int64_t y_stride) {
  scale_batch<Codes, kPair, kTokens>(w, row, rows, tokens, scratch);
  const uint8_t* weights = w.weight + row * layout.row_bytes;
  int r = 0;
  for (; r + Walk::kRows <= rows; r += Walk::kRows, weights += Walk::kRows * layout.row_bytes) {
    add_dots<Codes, kPair, kSpan, Walk, Walk::kRows, kTokens>(layout, weights, tokens, scratch, r);
  }
  if constexpr (Walk::kRows > 1) {
    if (r < rows) add_dots<Codes, kPair, kSpan, Walk, 1, kTokens>(layout, weights, tokens, scratch, r);
  }
  const __mmask16 there = lanes(rows);
  const V::F bias = w.bias != nullptr ? _mm512_maskz_loadu_ps(there, w.bias + row) : V::set(0);
  for (int t = 0; t < kTokens; ++t) {
    for (int r = rows; r < kBatchRows; ++r) scratch.sum(t, r) = V::set(0);
    _mm512_mask_storeu_ps(y + t * y_stride, there, V::add(sum_of_each(&scratch.sum(t, 0)), bias));
  }
}

template <typename Codes, bool kPair, int kSpan, typename Walk>
void multiply_integers(const Matrix& w, Rows x, const uint8_t* prepared, int64_t begin, int64_t end, MutableRows y,
                       uint8_t* memory) {
  const IntegerLayout<Codes, kPair, kSpan> layout(w);
  const BatchScratch<Codes, kPair> scratch(w, memory);
  for (int64_t row = begin; row < end; row += kBatchRows) {
    const int rows = static_cast<int>(end - row < kBatchRows ? end - row : kBatchRows);
    const uint8_t* token = prepared;
    float* out = y.data + row;
    const auto next = [&]<typename W, int kTokens>() {
      multiply_batch<Codes, kPair, kSpan, W, kTokens>(w, layout, row, rows, token, scratch, out, y.stride);
      token += kTokens * layout.token_bytes;
      out += kTokens * y.stride;
    };
    if (x.count == 1) {
      next.template operator()<Walk, 1>();
      continue;
    }
    int left = x.count;
    for (; left >= kTokensMax; left -= kTokensMax) next.template operator()<BatchWalk, kTokensMax>();
    if (left == 3) next.template operator()<BatchWalk, 3>();
    if (left == 2) next.template operator()<BatchWalk, 2>();
    if (left == 1) next.template operator()<BatchWalk, 1>();
  }
}

// ---- the kernels

template <typename Codes, bool kPair>
int64_t integer_row_bytes(const Matrix& w) {
  return IntegerRow<Codes, kPair>::bytes(w);
}

template <typename Codes, bool kPair, int kSpan, typename Walk>
constexpr LinearKernel kIntegerKernel = {.name = kPair ? "vnni 15-bit" : "vnni 8-bit",
                                         .row_block = 1,
                                         .prepared_bytes = integer_row_bytes<Codes, kPair>,
                                         .prepare = prepare_integers<Codes, kPair>,
                                         .scratch_bytes = BatchScratch<Codes, kPair>::bytes,
                                         .multiply = multiply_integers<Codes, kPair, kSpan, Walk>};

template <typename Codes, int kSpan>
const LinearKernel* integer_kernel(Numerics numerics) {
  const bool is_amd = __builtin_cpu_is("amd") != 0;
  if (numerics == Numerics::standard) {
    return is_amd ? &kIntegerKernel<Codes, true, kSpan, AmdWalk> : &kIntegerKernel<Codes, true, kSpan, IntelWalk>;
  }
  return is_amd ? &kIntegerKernel<Codes, false, kSpan, BatchWalk> : &kIntegerKernel<Codes, false, kSpan, IntelWalk>;
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
