#include "kernels/machine_loops.h"

#include "kernels/dispatch.h"

#if MLXS_KERNELS_X86
#include <immintrin.h>
#endif

namespace mlxserving::kernels {
namespace {

template <typename Vector, int kStreams>
[[gnu::always_inline]] inline uint64_t read_as(const uint8_t* data, size_t bytes) {
  constexpr size_t kStep = 256;
  constexpr size_t kVectors = kStep / sizeof(Vector);
  const size_t stream = bytes / kStreams;
  Vector sums[4] = {};
  for (size_t i = 0; i < stream; i += kStep) {
    for (size_t s = 0; s < kStreams; ++s) {
      const auto* from = reinterpret_cast<const Vector*>(data + s * stream + i);
      for (size_t v = 0; v < kVectors; ++v) sums[v % 4] += from[v];
    }
  }
  const Vector sum = sums[0] + sums[1] + sums[2] + sums[3];
  uint64_t total = 0;
  for (size_t i = 0; i < sizeof(Vector) / 8; ++i) total += sum[i];
  return total;
}

template <typename Vector>
[[gnu::always_inline]] inline uint64_t read_vectors(const uint8_t* data, size_t bytes, int streams) {
  if (streams == 1) return read_as<Vector, 1>(data, bytes);
  if (streams == 2) return read_as<Vector, 2>(data, bytes);
  return read_as<Vector, 4>(data, bytes);
}

using Narrow [[gnu::vector_size(16)]] = uint64_t;

#if MLXS_KERNELS_X86
#include "kernels/amx_tiles.inl"

using Wide [[gnu::vector_size(64)]] = uint64_t;

[[gnu::target("avx512f")]] uint64_t read_wide(const uint8_t* data, size_t bytes, int streams) {
  return read_vectors<Wide>(data, bytes, streams);
}

bool has(const char* isa) {
  for (const Kernels* table : runnable_kernels()) {
    if (__builtin_strcmp(table->isa, isa) == 0) return true;
  }
  return false;
}

constexpr int kRounds = 4096;
constexpr int kSums = 12;  // hide a latency of five clocks at two instructions a clock, and fit sixteen registers

bool has_avx2() { return has("avx2"); }
bool has_avx512() { return has("avx512"); }
bool has_bf16() { return has("avx512") && __builtin_cpu_supports("avx512bf16"); }
bool has_amx() { return has("amx"); }

// A loop over kSums sums, all in registers. As assembly: a compiler merges sums that add the same products, and g++ 12
// copies a sum before each dot product.
#define MLXS_MULTIPLY_LOOP(name, isa, Vector, instruction)                                              \
  [[gnu::target(isa)]] void name(const uint8_t* operands) {                                             \
    Vector x[4];                                                                                        \
    Vector sums[kSums] = {};                                                                            \
    __builtin_memcpy(x, operands, sizeof(x));                                                           \
    for (int round = 0; round < kRounds; ++round) {                                                     \
      _Pragma("GCC unroll 12") for (int i = 0; i < kSums; ++i) {                                        \
        asm volatile(instruction " %2, %1, %0" : "+v"(sums[i]) : "v"(x[i % 2]), "v"(x[2 + i / 2 % 2])); \
      }                                                                                                 \
    }                                                                                                   \
    _Pragma("GCC unroll 12") for (auto& sum : sums) asm volatile("" : : "v"(sum));                      \
  }

MLXS_MULTIPLY_LOOP(fma_256, "avx2,fma", __m256, "vfmadd231ps")
MLXS_MULTIPLY_LOOP(fma_512, "avx512f", __m512, "vfmadd231ps")
MLXS_MULTIPLY_LOOP(dot_bf16, "avx512f,avx512bf16", __m512, "vdpbf16ps")
MLXS_MULTIPLY_LOOP(dot_int8, "avx512f,avx512vnni", __m512i, "vpdpbusd")
#undef MLXS_MULTIPLY_LOOP

constexpr double operations(int multiplications_an_instruction) {
  return 2.0 * kRounds * kSums * multiplications_an_instruction;
}

// Four sums of two by two tiles, whose operands come from the first-level cache each time.
void tiles_bf16(const uint8_t* operands) {
  TileRegisters::configure();
  for (int round = 0; round < kRounds; ++round) {
    TileRegisters::load<4>(operands);
    TileRegisters::load<5>(operands + 1024);
    TileRegisters::load<6>(operands + 2048);
    TileRegisters::load<7>(operands + 3072);
    TileRegisters::multiply<0, 4, 6>();
    TileRegisters::multiply<1, 4, 7>();
    TileRegisters::multiply<2, 5, 6>();
    TileRegisters::multiply<3, 5, 7>();
  }
  TileRegisters::release();
}

// bf16 and f32 of about ±0.01 whatever the half of the word that is read.
constexpr uint64_t kSmallMask = 0x80FF80FF80FF80FFULL;
constexpr uint64_t kSmallSet = 0x3C003C003C003C00ULL;

constexpr MultiplyLoop kLoops[] = {
    {"f32 fma", [] { return has_avx2() && !has_avx512(); }, operations(8), fma_256, kSmallMask, kSmallSet},
    {"f32 fma", has_avx512, operations(16), fma_512, kSmallMask, kSmallSet},
    {"bf16 vdpbf16ps", has_bf16, operations(32), dot_bf16, kSmallMask, kSmallSet},
    {"int8 vpdpbusd", has_avx512, operations(64), dot_int8, 0, 0},
    {"bf16 amx", has_amx, 2.0 * kRounds * 4 * 16 * 16 * 32, tiles_bf16, kSmallMask, kSmallSet},
};
#endif

}  // namespace

std::span<const MultiplyLoop> multiply_loops() {
#if MLXS_KERNELS_X86
  return kLoops;
#else
  return {};
#endif
}

uint64_t read_streams(const uint8_t* data, size_t bytes, int streams) {
#if MLXS_KERNELS_X86
  if (has_avx512()) return read_wide(data, bytes, streams);
#endif
  return read_vectors<Narrow>(data, bytes, streams);
}

}  // namespace mlxserving::kernels
