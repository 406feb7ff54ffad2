// Codes of a row's bit stream as bytes, a block at a time: `planes` unpacks the kBytes at p, of which `mask` are there,
// to kPlanes vectors; byte j of plane p is element j * kPlanes + p of the block.
#pragma once

// Sixty-four codes in their order. Eight codes are kBits bytes: those go to one 64-bit lane, where a multishift takes
// them apart.
template <int kBits>
struct OrderedCodes {
  static constexpr int kPlanes = 1;
  static constexpr int kBytes = 8 * kBits;
  static void planes(const uint8_t* p, __mmask64 mask, __m512i* out) {
    alignas(64) static constexpr auto kTables = [] {
      struct Tables {
        uint8_t gather[64];
        uint8_t shift[64];
      } t{};
      for (int i = 0; i < 64; ++i) {
        t.gather[i] = static_cast<uint8_t>(i / 8 * kBits + i % 8);
        t.shift[i] = static_cast<uint8_t>(i % 8 * kBits);
      }
      return t;
    }();
    const __m512i bytes = _mm512_maskz_loadu_epi8(mask, p);
    const __m512i lanes = _mm512_permutexvar_epi8(_mm512_load_si512(kTables.gather), bytes);
    const __m512i shifted = _mm512_multishift_epi64_epi8(_mm512_load_si512(kTables.shift), lanes);
    out[0] = _mm512_and_si512(shifted, _mm512_set1_epi8(static_cast<char>((1 << kBits) - 1)));
  }
};

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
inline __m512i unsigned_e2m1(__m512i codes) {
  const __m512i table =
      _mm512_broadcast_i32x4(_mm_setr_epi8(12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0));
  return _mm512_shuffle_epi8(table, codes);
}

struct CodesE2m1 {
  static constexpr int kPlanes = 2;
  static constexpr int kBytes = 64;
  static void planes(const uint8_t* p, __mmask64 mask, __m512i* out) {
    __m512i nibbles[2];
    Codes4::planes(p, mask, nibbles);
    out[0] = unsigned_e2m1(nibbles[0]);
    out[1] = unsigned_e2m1(nibbles[1]);
  }
};

struct OrderedE2m1 {
  static constexpr int kPlanes = 1;
  static constexpr int kBytes = 32;
  static void planes(const uint8_t* p, __mmask64 mask, __m512i* out) {
    OrderedCodes<4>::planes(p, mask, out);
    out[0] = unsigned_e2m1(out[0]);
  }
};
