// Decode rows on 16-bit dot products (vpmaddwd, or vpdpwssd of AVX-VNNI), weights as the file has them. Each group of
// an activation row becomes 15-bit integers; codes are widened to 16 bits in planes: word j of plane p is element j *
// kPlanes + p of a block, so eight 32-bit sums belong to kBlock / 8 neighbouring elements each and one permutation of
// the groups' scales fits them. The formula is that of avx512_rows.cpp.
#pragma once

#include "kernels/generic_integers.inl"

struct Words2 {
  static constexpr int kBits = 2;
  static constexpr int kPlanes = 8;
  static __m256i plane(__m256i v, int p) {
    return _mm256_and_si256(_mm256_srl_epi16(v, _mm_cvtsi32_si128(2 * p)), _mm256_set1_epi16(3));
  }
};
struct Words4 {
  static constexpr int kBits = 4;
  static constexpr int kPlanes = 4;
  static __m256i plane(__m256i v, int p) {
    return _mm256_and_si256(_mm256_srl_epi16(v, _mm_cvtsi32_si128(4 * p)), _mm256_set1_epi16(15));
  }
};
struct Words8 {
  static constexpr int kBits = 8;
  static constexpr int kPlanes = 2;
  static __m256i plane(__m256i v, int p) {
    return p == 0 ? _mm256_and_si256(v, _mm256_set1_epi16(255)) : _mm256_srli_epi16(v, 8);
  }
};
// E2M1 as 2 * value + 12, with the affine scale s / 2 and offset -6 s.
struct WordsE2m1 {
  static constexpr int kBits = 4;
  static constexpr int kPlanes = 4;
  static __m256i plane(__m256i v, int p) {
    const __m256i table =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0));
    const __m256i empty_high = _mm256_set1_epi16(static_cast<int16_t>(0x8000));
    return _mm256_shuffle_epi8(table, _mm256_or_si256(Words4::plane(v, p), empty_high));
  }
};
// Widths that do not divide a word: sixteen codes a block, taken apart bit by bit.
template <int kWidth>
struct WordsApart {
  static constexpr int kBits = kWidth;
  static constexpr int kPlanes = 1;
  static __m256i plane(__m256i v, int) { return v; }
};

template <typename Words>
constexpr bool kIsApart = Words::kPlanes == 1;
template <typename Words>
constexpr int kBlock = 16 * Words::kPlanes;
template <typename Words>
constexpr int kBlockBytes = kBlock<Words> * Words::kBits / 8;

// A block of which `bytes` are there.
template <typename Words>
inline __m256i load_words(const uint8_t* p, int64_t bytes) {
  if constexpr (kIsApart<Words>) {
    uint64_t halves[2];
    halves[0] = V::spread<Words::kBits>(bits_at(p, Words::kBits));
    halves[1] = bytes > Words::kBits ? V::spread<Words::kBits>(bits_at(p + Words::kBits, Words::kBits)) : 0;
    return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(halves)));
  }
  if (bytes >= 32) return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  alignas(32) uint8_t padded[32] = {};
  __builtin_memcpy(padded, p, static_cast<size_t>(bytes));
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(padded));
}

// An activation row: [block][plane][16 words], then a scale and a scaled sum for each group, padded by a vector.
template <typename Words>
struct WordRow {
  static int64_t blocks(const Matrix& w) { return (w.columns + kBlock<Words> - 1) / kBlock<Words>; }
  static int64_t groups(const Matrix& w) { return (w.groups() + 7) / 8 * 8; }
  static int64_t scales_at(const Matrix& w) { return blocks(w) * kBlock<Words> * 2; }
  static int64_t sums_at(const Matrix& w) { return scales_at(w) + groups(w) * 4; }
  static int64_t bytes(const Matrix& w) { return (sums_at(w) + groups(w) * 4 + 63) / 64 * 64; }
};

template <typename Words>
void prepare_words(const Matrix& w, Rows x, uint8_t* prepared) {
  using Row = WordRow<Words>;
  __builtin_memset(prepared, 0, static_cast<size_t>(Row::bytes(w)));
  auto* words = reinterpret_cast<int16_t*>(prepared);
  auto* scales = reinterpret_cast<float*>(prepared + Row::scales_at(w));
  auto* sums = reinterpret_cast<float*>(prepared + Row::sums_at(w));
  for (int64_t g = 0; g < w.groups(); ++g) {
    int16_t q[kGroupMax];
    const GroupOf15 group = quantize_15(x.data + g * w.group_size, w.group_size, q);
    for (int i = 0; i < w.group_size; ++i) {
      const int64_t k = g * w.group_size + i;
      const int64_t in_block = k % kBlock<Words>;
      words[k - in_block + in_block % Words::kPlanes * 16 + in_block / Words::kPlanes] = q[i];
    }
    scales[g] = group.scale;
    sums[g] = group.sum;
  }
}

template <bool kVnni>
[[gnu::always_inline]] inline void add_words(__m256i& sum, __m256i codes, __m256i x) {
  if constexpr (kVnni) {
    asm("%{vex%} vpdpwssd %2, %1, %0" : "+x"(sum) : "x"(codes), "x"(x));
  } else {
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(codes, x));
  }
}

constexpr int kWordTokens = 4;

// A thread's memory: a row's scales and offsets, then scale_w * scale_x of each token.
template <typename Words>
int64_t word_scratch_bytes(const Matrix& w) {
  return (WordRow<Words>::groups(w) * (2 + kWordTokens) + 8) * 4;
}

// y of one weight row and kTokens tokens.
template <typename Words, bool kVnni, int kTokens>
void multiply_words(const Matrix& w, int64_t row, const uint8_t* tokens, float* row_scales, float* y,
                    int64_t y_stride) {
  using Row = WordRow<Words>;
  const int64_t padded = Row::groups(w);
  const int64_t token_bytes = Row::bytes(w);
  float* products = row_scales + 2 * padded;
  V::F sums[kTokens];
  for (int t = 0; t < kTokens; ++t) {
    sums[t] = V::set(0);
    const auto* scales_x = reinterpret_cast<const float*>(tokens + t * token_bytes + Row::scales_at(w));
    const auto* sums_x = reinterpret_cast<const float*>(tokens + t * token_bytes + Row::sums_at(w));
    for (int64_t g = 0; g < padded; g += V::kWidth) {
      V::store(products + t * padded + g, V::mul(V::load(row_scales + g), V::load(scales_x + g)));
      sums[t] = V::fma(V::load(row_scales + padded + g), V::load(sums_x + g), sums[t]);
    }
  }
  const int span = w.group_size > kBlock<Words> ? w.group_size / kBlock<Words> : 1;
  const int64_t group_step = span > 1 ? 1 : kBlock<Words> / w.group_size;
  const int lane_codes = kBlock<Words> / 8;
  const auto lanes_a_group = static_cast<unsigned>(span > 1 ? 8 : w.group_size / lane_codes);
  const __m256i group_of_lane =
      _mm256_srl_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm_cvtsi32_si128(__builtin_ctz(lanes_a_group)));
  const uint8_t* p = w.weight + row * w.row_bytes();
  const uint8_t* x = tokens;
  int64_t left = w.row_bytes();
  for (int64_t group = 0; left > 0; group += group_step) {
    __m256i dots[kTokens];
    for (auto& dot : dots) dot = _mm256_setzero_si256();
    for (int i = 0; i < span && left > 0; ++i) {
      _mm_prefetch(reinterpret_cast<const char*>(p) + 4096, _MM_HINT_T0);
      const __m256i block = load_words<Words>(p, left);
      for (int plane = 0; plane < Words::kPlanes; ++plane, x += 32) {
        const __m256i codes = Words::plane(block, plane);
        for (int t = 0; t < kTokens; ++t) {
          add_words<kVnni>(dots[t], codes, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + t * token_bytes)));
        }
      }
      p += kBlockBytes<Words>;
      left -= kBlockBytes<Words>;
    }
    for (int t = 0; t < kTokens; ++t) {
      const V::F scale = _mm256_permutevar8x32_ps(V::load(products + t * padded + group), group_of_lane);
      sums[t] = V::fma(_mm256_cvtepi32_ps(dots[t]), scale, sums[t]);
    }
  }
  const float bias = w.bias != nullptr ? w.bias[row] : 0.0F;
  for (int t = 0; t < kTokens; ++t) y[t * y_stride] = V::sum(sums[t]) + bias;
}

template <typename Words, bool kVnni>
void multiply_word_rows(const Matrix& w, Rows x, const uint8_t* prepared, int64_t begin, int64_t end, MutableRows y,
                        uint8_t* scratch) {
  using Row = WordRow<Words>;
  auto* scales = reinterpret_cast<float*>(scratch);
  const int64_t token_bytes = Row::bytes(w);
  for (int64_t row = begin; row < end; ++row) {
    load_row_scales(w, row, Row::groups(w), scales);
    int t = 0;
    for (; t + kWordTokens <= x.count; t += kWordTokens) {
      multiply_words<Words, kVnni, kWordTokens>(w, row, prepared + t * token_bytes, scales, y.data + t * y.stride + row,
                                                y.stride);
    }
    for (; t < x.count; ++t) {
      multiply_words<Words, kVnni, 1>(w, row, prepared + t * token_bytes, scales, y.data + t * y.stride + row,
                                      y.stride);
    }
  }
}

template <typename Words, bool kVnni>
constexpr LinearKernel kWordKernel = {.name = kVnni ? "avx-vnni 15-bit" : "madd 15-bit",
                                      .row_block = 1,
                                      .prepared_bytes = WordRow<Words>::bytes,
                                      .prepare = prepare_words<Words>,
                                      .scratch_bytes = word_scratch_bytes<Words>,
                                      .multiply = multiply_word_rows<Words, kVnni>};

// Null where integers do not help: dense weights, fp8 codes, exact numerics. Fast numerics gain nothing over 15 bits.
template <bool kVnni>
const LinearKernel* word_kernel_for(const Matrix& w, Numerics numerics) {
  if (numerics == Numerics::exact) return nullptr;
  if (w.packing == Packing::mxfp4 || w.packing == Packing::nvfp4) return &kWordKernel<WordsE2m1, kVnni>;
  if (w.packing != Packing::affine) return nullptr;
  switch (w.bits) {
    case 2: return &kWordKernel<Words2, kVnni>;
    case 3: return &kWordKernel<WordsApart<3>, kVnni>;
    case 4: return &kWordKernel<Words4, kVnni>;
    case 5: return &kWordKernel<WordsApart<5>, kVnni>;
    case 6: return &kWordKernel<WordsApart<6>, kVnni>;
    default: return &kWordKernel<Words8, kVnni>;
  }
}
