// The tile kernels over a model of the tiles in plain C++, so that their logic is tested where there are no tiles.
#include <immintrin.h>

#include "kernels/kernels.h"
#include "kernels/tables.h"

namespace mlxserving::kernels {
namespace {

#include "kernels/f32_bits.inl"

inline __mmask16 lanes(int n) { return static_cast<__mmask16>((1U << static_cast<unsigned>(n)) - 1U); }

struct Tiles {
  static thread_local uint8_t tiles[8][1024];

  static void configure() { __builtin_memset(tiles, 0, sizeof tiles); }
  static void release() { __builtin_memset(tiles, 0xFF, sizeof tiles); }

  template <int kTile>
  static void load(const uint8_t* p) {
    __builtin_memcpy(tiles[kTile], p, 1024);
  }
  template <int kTile>
  static void store(uint8_t* p) {
    __builtin_memcpy(p, tiles[kTile], 1024);
  }
  // sum[m][n] += Σ_k a[m][2k] * b[k][2n] + a[m][2k + 1] * b[k][2n + 1]
  template <int kSum, int kA, int kB>
  static void multiply() {
    for (int m = 0; m < 16; ++m) {
      for (int n = 0; n < 16; ++n) {
        float sum = f32_at(tiles[kSum] + m * 64 + n * 4);
        for (int k = 0; k < 16; ++k) {
          const uint8_t* a = tiles[kA] + m * 64 + k * 4;
          const uint8_t* b = tiles[kB] + k * 64 + n * 4;
          sum += bf16_at(a) * bf16_at(b) + bf16_at(a + 2) * bf16_at(b + 2);
        }
        __builtin_memcpy(tiles[kSum] + m * 64 + n * 4, &sum, 4);
      }
    }
  }

  static __m512i pack_bf16(__m512 low, __m512 high) {
    alignas(64) float values[32];
    alignas(64) uint16_t packed[32];
    _mm512_store_ps(values, low);
    _mm512_store_ps(values + 16, high);
    for (int i = 0; i < 32; ++i) packed[i] = bf16_of(values[i]);
    return _mm512_load_si512(packed);
  }
};

thread_local uint8_t Tiles::tiles[8][1024];

#include "kernels/amx_bf16.inl"

}  // namespace

extern const LinearKernel kAmxModelBf16 = bf16_kernel("amx model bf16");

}  // namespace mlxserving::kernels
