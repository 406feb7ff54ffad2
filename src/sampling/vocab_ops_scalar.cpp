// The passes for any CPU: whatever vectors the compiler's baseline has (SSE2 on x86-64, NEON on ARM).
#define MLXS_REGISTER_BYTES 16
#include "sampling/vocab_lane_masks.h"
#include "sampling/vocab_ops.h"

namespace mlxserving::sampling {
namespace {

inline unsigned lane_bits(Mask mask) {
  int32_t lanes[kLanes];
  __builtin_memcpy(lanes, &mask, sizeof mask);
  unsigned bits = 0;
  for (unsigned i = 0; i < kLanes; ++i) bits |= (static_cast<unsigned>(lanes[i]) & 1U) << i;
  return bits;
}

inline void compress(Floats v, unsigned bits, float* out) {
  float lanes[kLanes];
  __builtin_memcpy(lanes, &v, sizeof v);
  for (unsigned i = 0; i < kLanes; ++i) {
    *out = lanes[i];
    out += bits >> i & 1U;
  }
}

#include "sampling/vocab_ops.inl"

}  // namespace

extern const VocabOps kVocabOpsScalar;
const VocabOps kVocabOpsScalar = table("scalar");

}  // namespace mlxserving::sampling
