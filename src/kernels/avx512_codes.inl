// Sixty-four codes of a row's bit stream, one a byte, in their order. Eight codes are kBits bytes: those go to one
// 64-bit lane, where a multishift takes them apart. `mask` says which of the kBytes at p are there.
#pragma once

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
