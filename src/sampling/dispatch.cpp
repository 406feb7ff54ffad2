// Which vocabulary passes this machine runs, decided once.
#include <string>

#include "core/environment.h"
#include "sampling/vocab_ops.h"

namespace mlxserving::sampling {

extern const VocabOps kVocabOpsScalar;
#if MLXS_SAMPLING_X86
extern const VocabOps kVocabOpsAvx2;
extern const VocabOps kVocabOpsAvx512;
#endif

VocabOpsList runnable_vocab_ops() {
  VocabOpsList list = {{&kVocabOpsScalar}, 1};
#if MLXS_SAMPLING_X86
  if (__builtin_cpu_supports("avx2") != 0) list.ops[list.count++] = &kVocabOpsAvx2;
  if (__builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
      __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512vl") != 0) {
    list.ops[list.count++] = &kVocabOpsAvx512;
  }
#endif
  return list;
}

namespace {

const VocabOps& chosen_vocab_ops() {
  const VocabOpsList list = runnable_vocab_ops();
  std::string isa = environment_variable("MLXS_FORCE_ISA").value_or("");
  if (isa == "avxvnni") isa = "avx2";  // its dot products are the kernels' alone
  for (size_t i = 0; i < list.count; ++i) {
    if (isa == list.ops[i]->isa) return *list.ops[i];
  }
  return *list.ops[list.count - 1];
}

}  // namespace

const VocabOps& vocab_ops() {
  static const VocabOps& ops = chosen_vocab_ops();
  return ops;
}

}  // namespace mlxserving::sampling
