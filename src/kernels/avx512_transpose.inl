// Sixteen-by-sixteen transposition of 32-bit words.
#pragma once

inline __m128i load_quarter(const uint8_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }

// Calls sink(word, v) for the sixteen 32-bit words of sixteen rows in memory; lane r of v is that of row r. Rows meet
// in 128-bit lanes while they are loaded, so that only half of a transposition in registers is left.
template <typename Sink>
[[gnu::always_inline]] inline void transpose_rows(const uint8_t* rows, int64_t stride, Sink sink) {
  for (int quarter = 0; quarter < 4; ++quarter) {
    __m512i of_rows[4];  // 128-bit lane j of i: row 4 * j + i
    for (int i = 0; i < 4; ++i) {
      const uint8_t* p = rows + i * stride + quarter * 16;
      const __m512i a = _mm512_castsi128_si512(load_quarter(p));
      const __m512i b = _mm512_mask_broadcast_i32x4(a, 0x00F0, load_quarter(p + 4 * stride));
      const __m512i c = _mm512_mask_broadcast_i32x4(b, 0x0F00, load_quarter(p + 8 * stride));
      of_rows[i] = _mm512_mask_broadcast_i32x4(c, 0xF000, load_quarter(p + 12 * stride));
    }
    const __m512i low01 = _mm512_unpacklo_epi32(of_rows[0], of_rows[1]);
    const __m512i high01 = _mm512_unpackhi_epi32(of_rows[0], of_rows[1]);
    const __m512i low23 = _mm512_unpacklo_epi32(of_rows[2], of_rows[3]);
    const __m512i high23 = _mm512_unpackhi_epi32(of_rows[2], of_rows[3]);
    sink(4 * quarter, _mm512_unpacklo_epi64(low01, low23));
    sink(4 * quarter + 1, _mm512_unpackhi_epi64(low01, low23));
    sink(4 * quarter + 2, _mm512_unpacklo_epi64(high01, high23));
    sink(4 * quarter + 3, _mm512_unpackhi_epi64(high01, high23));
  }
}

inline __mmask16 rows_mask(int64_t rows) {
  return static_cast<__mmask16>(rows >= 16 ? 0xFFFFU : rows <= 0 ? 0U : (1U << static_cast<unsigned>(rows)) - 1U);
}
