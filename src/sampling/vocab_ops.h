// Passes over the vocabulary, by instruction set. Raw pointers and C headers only: the files that implement this are
// built with flags of their own, and a std function inlined there would carry its instructions onto a CPU without them.
//
// Every instruction set gives the same bits. All of them run the one algorithm of vocab_ops.inl on vectors of 16 lanes
// (one AVX-512 register, two AVX, four SSE), sums are taken lane by lane in blocks of kBlock and then in one fixed
// tree, and no multiplication is fused with an addition (-ffp-contract=off). So a seed draws the same token on every
// machine.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace mlxserving::sampling {

constexpr size_t kLanes = 16;
constexpr size_t kBlock = 1024;  // values summed in float before the sum goes on in double
constexpr size_t kChunk = 256;   // values that share a recorded maximum

// What band() found. Weight is the count where there are no weights.
struct Band {
  double weight_above;  // of keys > hi
  double weight_inside;
  size_t count_inside;
};

// Parallel arrays that a selection carries along; each but the first may be null. Outputs may be written up to kLanes
// values past their end.
struct Columns {
  const float* x;
  const float* weight;
  const int32_t* id;
};
struct ColumnsOut {
  float* x;
  float* weight;
  int32_t* id;
};

struct VocabOps {
  const char* isa;

  // The largest value; -inf for none. `*broken` becomes true where a value is NaN or +inf. What is not null also
  // receives: a copy of x, and the largest value of each kChunk.
  float (*max)(const float* x, size_t n, float* copy, float* chunk_max, bool* broken);

  // The first index that holds `value`, or n.
  size_t (*find)(const float* x, size_t n, float value);

  // e[i] = exp((x[i] - shift) * scale) for x <= shift, to 1e-7 and the rounding of the argument; 0 below exp(-87).
  // Returns the sum. `e` and `sums`, as in sum(), may be null.
  double (*exp)(const float* x, size_t n, float shift, float scale, float* e, double* sums);

  // The sum of each block of kBlock values into `sums` (may be null), and the sum of those.
  double (*sum)(const float* e, size_t n, double* sums);

  // Sum of e[i] * (x[i] - shift), where an e of 0 adds 0.
  double (*sum_products)(const float* x, const float* e, size_t n, float shift);

  // key[i] = -|(x[i] - shift) * scale + offset|
  void (*distance_keys)(const float* x, size_t n, float shift, float scale, float offset, float* key);

  // The smallest e[i] > threshold, or +inf.
  float (*min_above)(const float* e, size_t n, float threshold);

  // Weighs what lies above hi, and copies what lies in [lo, hi] to `out` in its order: key to out.x, and weight and id
  // where `in` has them; without in.id the index is the id.
  Band (*band)(Columns in, size_t n, float lo, float hi, ColumnsOut out);

  // Keeps i where key[i] > threshold, or == and i <= last_tie. In place is fine. Without in.id the index is the id.
  // Returns how many were kept.
  size_t (*keep)(const float* key, size_t n, float threshold, size_t last_tie, Columns in, ColumnsOut out);

  // What keep() drops stays in its place with x = -inf and, unless `weight` is null, a weight of 0. `x` may be `out`.
  // Returns the sum of the weights that are left, and writes `sums` as sum() does.
  double (*suppress)(const float* key, size_t n, float threshold, size_t last_tie, const float* x, float* out,
                     float* weight, double* sums);

  // x[i] = -inf where bit i of `allowed` is 0; bit i is bit i % 32 of word i / 32.
  void (*mask)(float* x, size_t n, const uint32_t* allowed);
};

// For this machine: MLXS_FORCE_ISA (scalar, avx2, avx512) where it is set and can run, else the widest.
const VocabOps& vocab_ops();

// Every one that this machine can run, widest last.
struct VocabOpsList {
  const VocabOps* ops[3];
  size_t count;
};
VocabOpsList runnable_vocab_ops();

}  // namespace mlxserving::sampling
