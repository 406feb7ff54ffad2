// Prefill on Intel's matrix tiles (AMX-BF16).
//
// The instructions are written as assembly: g++ 12's _tile_loadconfig says that it reads 8 of its 64 bytes and
// _tile_loadd that it reads no memory, so stores before them are dropped or moved.
#include <immintrin.h>

#include "kernels/kernels.h"
#include "kernels/tables.h"

namespace mlxserving::kernels {
namespace {

#include "kernels/f32_bits.inl"

inline __mmask16 lanes(int n) { return static_cast<__mmask16>((1U << static_cast<unsigned>(n)) - 1U); }

// Eight tiles of 16 rows by 64 bytes, a thread's own.
struct Tiles {
  struct alignas(64) Config {
    uint8_t palette = 1;
    uint8_t start_row = 0;
    uint8_t reserved[14] = {};
    uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  };

  static void configure() {
    static constexpr Config kConfig;
    asm volatile("ldtilecfg %0" ::"m"(kConfig));
  }
  static void release() { asm volatile("tilerelease" ::: "memory"); }

  template <int kTile>
  static void load(const uint8_t* p) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(p), "r"(int64_t{64}), "i"(kTile) : "memory");
  }
  template <int kTile>
  static void store(uint8_t* p) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(p), "r"(int64_t{64}), "i"(kTile) : "memory");
  }
  template <int kSum, int kA, int kB>
  static void multiply() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSum), "i"(kA), "i"(kB));
  }

  // Elements 0-15 from `low`, 16-31 from `high`.
  static __m512i pack_bf16(__m512 low, __m512 high) {
    return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low));
  }
};

#include "kernels/amx_bf16.inl"

}  // namespace

extern const LinearKernel kAmxBf16 = bf16_kernel("amx bf16");

}  // namespace mlxserving::kernels
