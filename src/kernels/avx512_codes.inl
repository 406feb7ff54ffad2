// Codes of a row's bit stream as bytes, a block at a time. `load` takes the kBytes at p, of which `mask` are there;
// `split` makes kPlanes vectors of them: byte j of plane p is element j * kPlanes + p of the block. Splitting looks at
// no other byte than its own, so bytes may change places between the two. kIsAsInFile: load changes nothing.
#pragma once

// Sixty-four codes in their order, taken apart when loaded. Eight codes are kBits bytes: those go to one 64-bit lane,
// where a multishift takes them apart.
template <int kBits>
struct OrderedCodes {
  static constexpr int kIndex = kBits == 3 ? 1 : kBits == 5 ? 3 : 4;
  static constexpr bool kIsAsInFile = false;
  static constexpr int kPlanes = 1;
  static constexpr int kBytes = 8 * kBits;
  static __m512i load(const uint8_t* p, __mmask64 mask) {
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
    return _mm512_and_si512(shifted, _mm512_set1_epi8(static_cast<char>((1 << kBits) - 1)));
  }
  static void split(__m512i v, __m512i* planes) { planes[0] = v; }
};

// Codes that fill whole bytes.
template <int kCodesAByte>
struct ByteCodes {
  static constexpr bool kIsAsInFile = true;
  static constexpr int kPlanes = kCodesAByte;
  static constexpr int kBytes = 64;
  static __m512i load(const uint8_t* p, __mmask64 mask) { return _mm512_maskz_loadu_epi8(mask, p); }
};

struct Codes2 : ByteCodes<4> {
  static constexpr int kIndex = 0;
  static void split(__m512i v, __m512i* planes) {
    const __m512i low = _mm512_set1_epi8(3);
    planes[0] = _mm512_and_si512(v, low);
    planes[1] = _mm512_and_si512(_mm512_srli_epi16(v, 2), low);
    planes[2] = _mm512_and_si512(_mm512_srli_epi16(v, 4), low);
    planes[3] = _mm512_and_si512(_mm512_srli_epi16(v, 6), low);
  }
};

struct Codes4 : ByteCodes<2> {
  static constexpr int kIndex = 2;
  static void split(__m512i v, __m512i* planes) {
    const __m512i low = _mm512_set1_epi8(15);
    planes[0] = _mm512_and_si512(v, low);
    planes[1] = _mm512_and_si512(_mm512_srli_epi16(v, 4), low);
  }
};

struct Codes8 : ByteCodes<1> {
  static constexpr int kIndex = 5;
  static void split(__m512i v, __m512i* planes) { planes[0] = v; }
};

// E2M1 as 2 * value + 12: unsigned, with the affine scale s / 2 and offset -6 s.
struct CodesE2m1 : ByteCodes<2> {
  static constexpr int kIndex = 6;
  static void split(__m512i v, __m512i* planes) {
    const __m512i table =
        _mm512_broadcast_i32x4(_mm_setr_epi8(12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0));
    Codes4::split(v, planes);
    planes[0] = _mm512_shuffle_epi8(table, planes[0]);
    planes[1] = _mm512_shuffle_epi8(table, planes[1]);
  }
};
