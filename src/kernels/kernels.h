// The CPU kernels as a table of function pointers, one table an instruction set (scalar.cpp, avx2.cpp, avx512.cpp, …).
// The scalar table is the specification. Kernels see raw pointers, hold no state, start no threads and cannot fail.
//
// Only C headers here and in the kernel files: an inline std function compiled with AVX-512 would be a weak symbol that
// the linker may hand to every other file. tests/kernels/check_symbols.py looks.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace mlxserving::kernels {

enum class Float : uint8_t { f32, f16, bf16 };

constexpr int bytes_of(Float type) { return type == Float::f32 ? 4 : 2; }

// How the elements of a weight matrix are packed. Every row is a little-endian bit stream, element i in bits
// [i * bits, (i + 1) * bits). Groups of `group_size` elements share a scale; all but affine have fixed bits and groups.
//   dense   Float elements
//   affine  code * scale + bias, 2 3 4 5 6 8 bits, groups of 32 64 128, scales and biases are Floats
//   mxfp4   E2M1 * 2^(u8 - 127), groups of 32      mxfp8  E4M3 * 2^(u8 - 127), groups of 32
//   nvfp4   E2M1 * E4M3, groups of 16
enum class Packing : uint8_t { dense, affine, mxfp4, mxfp8, nvfp4 };

// A weight matrix [rows, columns] where the file has it; pointers may be unaligned. y = x · Wᵀ + bias.
struct Matrix {
  Packing packing = Packing::dense;
  Float type = Float::f32;  // of dense elements, of affine scales and biases
  int bits = 0;             // of a code; 0: dense
  int group_size = 0;       // divides columns; 0: dense
  int64_t rows = 0;
  int64_t columns = 0;
  const uint8_t* weight = nullptr;
  const uint8_t* scales = nullptr;
  const uint8_t* biases = nullptr;
  const float* bias = nullptr;  // [rows], or null

  int64_t row_bytes() const { return packing == Packing::dense ? columns * bytes_of(type) : columns * bits / 8; }
  int64_t groups() const { return columns / group_size; }
  int64_t scale_bytes() const { return packing == Packing::affine ? bytes_of(type) : 1; }
};

// Activation rows, f32, `stride` floats apart.
struct Rows {
  const float* data;
  int64_t stride;
  int count;
};
struct MutableRows {
  float* data;
  int64_t stride;
};

// One way to multiply by one kind of matrix. `prepare` brings a block of up to `row_block` rows into the kernel's own
// form (`prepared_bytes` of it, 64-byte aligned); where prepared_bytes is null the rows are read as they are. Calls on
// different blocks, and on different column ranges of y, may run at the same time.
// The bits of y[row][n] depend on that row and on the matrix only.
// `batch`, where there is one, gives the same bits and is the faster for `batch_rows` rows and more.
struct LinearKernel {
  const char* name;
  int row_block;
  int64_t (*prepared_bytes)(const Matrix& w);
  void (*prepare)(const Matrix& w, Rows x, uint8_t* prepared);
  int64_t (*scratch_bytes)(const Matrix& w);  // a caller's own, 64-byte aligned
  // y[:, begin..end) for all rows of x; `prepared` holds consecutive blocks of prepared_bytes.
  void (*multiply)(const Matrix& w, Rows x, const uint8_t* prepared, int64_t begin, int64_t end, MutableRows y,
                   uint8_t* scratch);
  const LinearKernel* batch = nullptr;
  int batch_rows = 0;
};

// exact: f32 throughout. standard: activations as 15-bit integers (decode) or bf16 (prefill) where the machine gains by
// it. fast: activations as 8-bit integers.
enum class Numerics : uint8_t { exact, standard, fast };

struct LinearKernels {
  const LinearKernel* decode;
  const LinearKernel* prefill;
};

enum class Gate : uint8_t { silu, gelu_tanh };

// A pool page of one layer: for each kv head the keys transposed [head_dim][kPageTokens], then the values
// [kPageTokens][head_dim]. Transposed keys give the scores of a page without a horizontal sum.
// int8: a key or value of a head is (code - 128) * scale, its scale being its largest magnitude / 127; behind the codes
// lie the f32 scales of the keys [kPageTokens] and of the values [kPageTokens].
constexpr int kPageTokens = 32;

enum class KvType : uint8_t { f32, f16, bf16, int8 };

constexpr int bytes_of(KvType type) { return type == KvType::f32 ? 4 : type == KvType::int8 ? 1 : 2; }

struct KvPool {
  uint8_t* data;
  int64_t page_bytes;  // kv_heads * head_bytes()
  int head_dim;
  KvType type;

  int64_t code_bytes() const { return int64_t{2} * kPageTokens * head_dim * bytes_of(type); }
  int64_t head_bytes() const {
    const int64_t scales = type == KvType::int8 ? int64_t{2} * kPageTokens * bytes_of(Float::f32) : 0;
    return code_bytes() + scales;
  }
};

// Position p is at slot p % kPageTokens of page pages[(p / kPageTokens) % page_count].
struct PageList {
  const int32_t* pages;
  int64_t page_count;
};

// Queries of one sequence against one kv head, over the keys at positions [key_begin, key_end), key_begin on a page
// boundary. Query (r, h) is at q + r * q_stride + h * head_dim, stands at position_begin + r, is scaled already, and
// sees the last `window` positions up to its own (0: all).
struct AttentionTask {
  KvPool pool;
  PageList pages;
  int kv_head;
  const float* q;
  int64_t q_stride;
  int query_count;  // r
  int group;        // h: query heads that share the kv head
  int64_t position_begin;
  int64_t key_begin;
  int64_t key_end;
  int64_t context_end;  // there are keys up to here: those from key_end on are another task's, most likely our next
  int64_t window;
  float soft_cap;  // 0: none
};

// What a task gives, to be merged with other pieces of the same keys: for each query the largest score, the sum of
// exp(score - largest), and the values weighted by the same. A query that sees nothing has maximum kNoScore, sum 0.
constexpr float kNoScore = -1e30F;
struct AttentionPiece {
  float* values;   // [query_count * group][head_dim]
  float* maximum;  // [query_count * group]
  float* sum;      // [query_count * group]
};

// Floats a task needs as scratch.
constexpr int64_t attention_scratch_floats(int queries) { return int64_t{queries} * (kPageTokens + 1); }

struct Kernels {
  const char* isa;

  // The kernels for this matrix; never null.
  LinearKernels (*linear)(const Matrix& w, Numerics numerics);
  // Elements [begin, begin + count) of a row in f32, exactly; both multiples of the group (dense: any).
  void (*dequantize)(const Matrix& w, int64_t row, int64_t begin, int64_t count, float* out);

  // Elementwise over `count`; y may be x.
  void (*add)(const float* x, const float* y, float* out, int64_t count);
  void (*scale)(const float* x, float factor, float* out, int64_t count);
  void (*gate)(Gate kind, const float* gate, const float* up, float* out, int64_t count);
  void (*soft_cap)(const float* x, float cap, float* out, int64_t count);

  // x / sqrt(mean(x²) + eps) * weight; out may be x.
  void (*rms_norm)(const float* x, const float* weight, float eps, float* out, int64_t count);
  // Rotates pairs (i, i + half) of x in place by cos and sin [half].
  void (*rotate)(float* x, const float* cos, const float* sin, int64_t half);

  // Puts one token's key and value [head_dim] into slot `slot` of a head's part of a page.
  void (*write_kv)(const KvPool& pool, uint8_t* head, int slot, const float* key, const float* value);
  void (*attend)(const AttentionTask& task, AttentionPiece piece, float* scratch);
  // out[head_dim] = the weighted mean over `pieces` pieces; piece i's values, maximum and sum are `stride` queries on.
  // `sink` is the score of a key without a value, which only takes weight from the others; kNoScore: none.
  void (*merge)(const float* values, const float* maximum, const float* sum, int pieces, int64_t stride, int head_dim,
                float sink, float* out);
};

}  // namespace mlxserving::kernels
