#include "kernels/dispatch.h"

#include <cstdlib>
#include <vector>

#include "core/result.h"
#include "kernels/tables.h"

namespace mlxserving::kernels {
namespace {

struct Candidate {
  const Kernels* kernels;
  const char* needs;
  bool (*runs_here)();
};

#if MLXS_KERNELS_X86
bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c") &&
         __builtin_cpu_supports("bmi2");
}
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni");
}
#endif

// Slowest first.
constexpr Candidate kCandidates[] = {
    {&kScalar, "nothing", [] { return true; }},
#if MLXS_KERNELS_X86
    {&kAvx2, "AVX2, FMA, F16C and BMI2", has_avx2},
    {&kAvx512, "AVX-512 F, BW, VL, DQ, VBMI and VNNI", has_avx512},
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
      if (candidate.runs_here()) found.push_back(candidate.kernels);
    }
    return found;
  }();
  return tables;
}

Result<const Kernels*> choose_kernels(std::string_view isa) {
  if (isa.empty()) return runnable_kernels().back();
  for (const Kernels* table : runnable_kernels()) {
    if (isa == table->isa) return table;
  }
  for (const auto& candidate : kCandidates) {
    if (isa == candidate.kernels->isa) {
      return fail(ErrorCode::invalid_request, "MLXS_FORCE_ISA",
                  "{} kernels need {}, which this CPU lacks; it can run {}", isa, candidate.needs,
                  names_of(runnable_kernels()));
    }
  }
  return fail(ErrorCode::invalid_request, "MLXS_FORCE_ISA", "no kernels are named '{}'; this CPU can run {}", isa,
              names_of(runnable_kernels()));
}

Result<const Kernels*> choose_kernels_from_environment() {
  const char* isa = std::getenv("MLXS_FORCE_ISA");  // NOLINT(concurrency-mt-unsafe): read at start, never set by us
  return choose_kernels(isa != nullptr ? isa : "");
}

}  // namespace mlxserving::kernels
