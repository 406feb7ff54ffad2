#include "kernels/dispatch.h"

#include <vector>

#if MLXS_KERNELS_X86
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#endif

#if MLXS_KERNELS_ARM && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include "core/environment.h"
#include "core/result.h"
#include "kernels/tables.h"

namespace mlxserving::kernels {
namespace {

struct Candidate {
  const char* isa;
  const Kernels& (*kernels)();
  const char* needs;
  bool (*runs_here)();
};

#if MLXS_KERNELS_X86
struct Cpuid {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
};
// Zeros for a leaf that the CPU has not. For features that some compiler's __builtin_cpu_supports does not know.
Cpuid cpuid(unsigned leaf, unsigned subleaf) {
  Cpuid id;
  __get_cpuid_count(leaf, subleaf, &id.a, &id.b, &id.c, &id.d);
  return id;
}

bool has_avx2() {
  constexpr unsigned kF16c = 1U << 29U;
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2") &&
         (cpuid(1, 0).c & kF16c) != 0;
}
bool has_avx_vnni() {
  constexpr unsigned kAvxVnniBit = 1U << 4U;
  return has_avx2() && (cpuid(7, 1).a & kAvxVnniBit) != 0;
}
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni");
}

// Tile data is state that a process must ask the system for; the answer holds for all its threads.
bool may_use_tiles() {
#if defined(__linux__)
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;               // XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}
bool has_amx() {
  constexpr unsigned kAmxBf16 = 1U << 22U;
  constexpr unsigned kAmxTile = 1U << 24U;
  if (!has_avx512() || !__builtin_cpu_supports("avx512bf16")) return false;
  const unsigned d = cpuid(7, 0).d;
  return (d & kAmxBf16) != 0 && (d & kAmxTile) != 0 && may_use_tiles();
}

// AMD multiplies bf16 pairs at twice the rate of floats, Intel at half of it.
bool gains_by_bf16_pairs() { return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_is("amd") != 0; }

LinearKernels avx512_bf16_linear(const Matrix& w, Numerics numerics) {
  LinearKernels kernels = kAvx512.linear(w, numerics);
  const bool is_bf16 = w.packing == Packing::dense && w.type == Float::bf16;
  if (is_bf16 && numerics != Numerics::exact) kernels.prefill = &kAvx512Bf16;
  return kernels;
}

LinearKernels amx_linear(const Matrix& w, Numerics numerics) {
  LinearKernels kernels = kAvx512.linear(w, numerics);
  if (numerics != Numerics::exact) kernels.prefill = &kAmxBf16;
  return kernels;
}
// AVX-512 with another prefill. Made when first asked for: kAvx512 is another file's.
const Kernels& avx512_kernels() {
  static const Kernels kernels = [] {
    Kernels k = kAvx512;
    if (gains_by_bf16_pairs()) k.linear = avx512_bf16_linear;
    return k;
  }();
  return kernels;
}
const Kernels& amx_kernels() {
  static const Kernels kernels = [] {
    Kernels k = kAvx512;
    k.isa = "amx";
    k.linear = amx_linear;
    return k;
  }();
  return kernels;
}
#endif

#if MLXS_KERNELS_ARM
bool has_dot_products() {
#if defined(__linux__)
  return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#else
  return true;  // every Mac with an Arm processor
#endif
}
#endif

// Slowest first.
constexpr Candidate kCandidates[] = {
    {"scalar", []() -> const Kernels& { return kScalar; }, "nothing", [] { return true; }},
#if MLXS_KERNELS_ARM
    {"neon", []() -> const Kernels& { return kNeon; }, "a 64-bit Arm processor", [] { return true; }},
    {"neondot", []() -> const Kernels& { return kNeonDot; }, "dot products of bytes (asimddp)", has_dot_products},
#endif
#if MLXS_KERNELS_X86
    {"avx2", []() -> const Kernels& { return kAvx2; }, "AVX2, FMA, F16C and BMI2", has_avx2},
    {"avxvnni", []() -> const Kernels& { return kAvxVnni; }, "AVX-VNNI and AVX2", has_avx_vnni},
    {"avx512", avx512_kernels, "AVX-512 F, BW, VL, DQ, VBMI and VNNI", has_avx512},
    {"amx", amx_kernels, "AMX tiles with BF16, the system's leave to use them, and AVX-512", has_amx},
#endif
};

std::string names_of(std::span<const Kernels* const> tables) {
  std::string names;
  for (const Kernels* table : tables) names += (names.empty() ? "" : ", ") + std::string(table->isa);
  return names;
}

}  // namespace

std::span<const Kernels* const> runnable_kernels() {
  static const auto tables = [] {
    std::vector<const Kernels*> found;
    for (const auto& candidate : kCandidates) {
      if (candidate.runs_here()) found.push_back(&candidate.kernels());
    }
    return found;
  }();
  return tables;
}

bool gains_by_large_pages() {
#if MLXS_KERNELS_X86
  return __builtin_cpu_is("amd") != 0;
#else
  return false;
#endif
}

Result<const Kernels*> choose_kernels(std::string_view isa) {
  if (isa.empty()) return runnable_kernels().back();
  for (const Kernels* table : runnable_kernels()) {
    if (isa == table->isa) return table;
  }
  for (const auto& candidate : kCandidates) {
    if (isa == candidate.isa) {
      return fail(ErrorCode::invalid_request, "MLXS_FORCE_ISA",
                  "{} kernels need {}, which this CPU lacks; it can run {}", isa, candidate.needs,
                  names_of(runnable_kernels()));
    }
  }
  return fail(ErrorCode::invalid_request, "MLXS_FORCE_ISA", "no kernels are named '{}'; this CPU can run {}", isa,
              names_of(runnable_kernels()));
}

Result<const Kernels*> choose_kernels_from_environment() {
  return choose_kernels(environment_variable("MLXS_FORCE_ISA").value_or(""));
}

}  // namespace mlxserving::kernels
