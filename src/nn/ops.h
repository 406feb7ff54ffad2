// The op layer: the only door from models to numerics. Model code is written once against it. Two implementations:
// MlxOps calls MLX's fast ops (Metal, CUDA; on MLX's CPU device only in tests), CpuOps wraps our own kernels as MLX
// primitives (Linux and Intel CPUs). An op builds graph nodes and computes nothing; the engine evaluates once a step.
//
// Activations are [rows, width], rows of many sequences (nn/step.h). CpuOps carries them in f32 whatever the checkpoint
// has; MlxOps in the checkpoint's type. Shapes were checked at load: a mismatch here is a broken invariant.
// Everything here runs on the engine thread.
#pragma once

#include <mlx/array.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "format/quantization.h"
#include "format/tensor.h"
#include "mlxserving/error.h"
#include "nn/kv_view.h"

namespace mlxserving::nn {

using mlx::core::array;

// The tensors of one linear layer or embedding of a checkpoint, shapes already validated.
struct LinearTensors {
  format::Tensor weight;                          // dense [out, in], or packed u32 [out, in * bits / 32]
  std::optional<format::QuantSpec> quantization;  // absent: dense
  std::optional<format::Tensor> scales;           // [out, in / group_size]
  std::optional<format::Tensor> biases;           // the same shape, affine only
  std::optional<format::Tensor> bias;             // [out], added to the product
};

// Weights as an implementation keeps them, in a type of its own derived from these. Cheap to copy: shared and
// immutable.
class LinearWeights {
 public:
  virtual ~LinearWeights() = default;
};
class NormWeights {
 public:
  virtual ~NormWeights() = default;
};
class RopeTable {
 public:
  virtual ~RopeTable() = default;
};
using Linear = std::shared_ptr<const LinearWeights>;
using Norm = std::shared_ptr<const NormWeights>;
using Rope = std::shared_ptr<const RopeTable>;

enum class Activation : uint8_t { silu, gelu_tanh };

// Rotary positions, with the frequencies already scaled as the checkpoint asks (models/rope.h). Pairs are (i, i +
// dims/2) of the first `dims` elements of a head; the rest passes unchanged. Su, Lu, Pan et al., RoFormer, 2021.
struct RopeSpec {
  std::vector<float> inverse_frequencies;  // [dims / 2], radians a position
  float scale = 1.0F;                      // multiplies the rotated elements (yarn, longrope)
  // Dynamic NTK: at position p >= dynamic_from, frequency i is also multiplied by s^(-2i / (dims - 2)) with
  // s = dynamic_factor * (p + 1) / dynamic_from - (dynamic_factor - 1). 0: never.
  int32_t dynamic_from = 0;
  float dynamic_factor = 1.0F;
};

// Radians by which each pair of a head turns at `position`: [dims / 2]. A function of the position alone, so that a
// row's rotation does not depend on the step it came in. Any thread.
std::vector<float> rope_angles(const RopeSpec& spec, int32_t position);

struct AttentionSpec {
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  float scale = 1.0F;     // of the scores, usually head_dim^-0.5
  float soft_cap = 0.0F;  // scores become cap * tanh(score / cap); 0: none
  Rope rope;              // null: no rotation
  Norm q_norm;            // per head, before the rotation; null: none
  Norm k_norm;
};

// The two halves of most decoder layers. They are residual: what comes in is added to what comes out. `output_norm`
// (Gemma's post norms) may be null.
struct AttentionBlock {
  Norm input_norm;
  Linear q_proj;
  Linear k_proj;
  Linear v_proj;
  Linear o_proj;
  Norm output_norm;
  AttentionSpec attention;
};
struct MlpBlock {
  Norm input_norm;
  Linear gate_proj;
  Linear up_proj;
  Linear down_proj;
  Norm output_norm;
  Activation activation = Activation::silu;
};
struct DecoderLayer {
  AttentionBlock self_attn;
  MlpBlock mlp;
};

class Ops {
 public:
  virtual ~Ops() = default;

  // Weights enter once, at load; the tensors' owners are kept alive.
  virtual Linear make_linear(const LinearTensors& tensors) = 0;
  // RMS norm weight [width]. `weight_offset` is added to each element (Gemma keeps w - 1).
  virtual Norm make_norm(const format::Tensor& weight, float eps, float weight_offset = 0.0F) = 0;
  virtual Rope make_rope(const RopeSpec& spec) = 0;
  // `pages` per group of the layout: the size of each pool. All zero at first.
  virtual std::unique_ptr<KvStore> make_kv_store(const KvLayout& layout, std::span<const int32_t> pages,
                                                 KvType type) = 0;

  // Rows of the embedding table times `scale`: [rows, hidden].
  virtual array embed(std::span<const int32_t> tokens, const Linear& table, float scale = 1.0F) const = 0;
  // x · Wᵀ (+ bias): [rows, in] → [rows, out].
  virtual array linear(const array& x, const Linear& w) const = 0;
  // Several products of one x, so that it is prepared once.
  virtual std::vector<array> linears(const array& x, std::span<const Linear> ws) const = 0;
  virtual array rms_norm(const array& x, const Norm& norm) const = 0;
  virtual array add(const array& x, const array& y) const = 0;
  // activation(gate) * up. Shazeer, GLU Variants Improve Transformer, 2020.
  virtual array gated(const array& gate, const array& up, Activation activation) const = 0;
  // Rows of x in the given order.
  virtual array select_rows(const array& x, std::span<const int32_t> rows) const = 0;
  // cap * tanh(x / cap).
  virtual array soft_cap(const array& x, float cap) const = 0;

  // Normalises and rotates q and k, appends k and v to the cache, and attends causally within the layer's window:
  // q [rows, heads * head_dim], k and v [rows, kv_heads * head_dim] → [rows, heads * head_dim].
  virtual array attention(const array& q, const array& k, const array& v, const AttentionSpec& spec,
                          const KvView& kv) const = 0;

  // Composites, so that an implementation may run one as a single primitive. Here: their meaning in the ops above.
  // x + output_norm(o_proj(attention(q_proj(n), k_proj(n), v_proj(n)))) with n = input_norm(x).
  virtual array attention_block(const array& x, const AttentionBlock& block, const KvView& kv) const;
  // x + output_norm(down_proj(activation(gate_proj(n)) * up_proj(n))) with n = input_norm(x).
  virtual array mlp_block(const array& x, const MlpBlock& block) const;
  // Both blocks of every layer in turn; layer i has layer i of the cache. `layers` outlive the evaluation, as the step.
  virtual array decoder_layers(const array& x, std::span<const DecoderLayer> layers, KvStore& kv,
                               const Step& step) const;
  // The rows of `step.logit_rows`, normalised, through the head: [logit rows, vocabulary]. cap 0: none.
  virtual array logits(const array& x, const Norm& norm, const Linear& head, float cap, const Step& step) const;

  // Returns when x has its values. Engine thread.
  virtual void evaluate(const array& x) const;

  // Opens a new error slot for the ops built after it, and tells the roles of the step's rows: an x with as many rows
  // as the step has is taken as the step's rows, any other (selected) rows count as decode rows. Errors of kernels
  // never cross MLX's stream as exceptions (it leaks and later hangs): they wait in the slot. take_error gives the
  // first one, after evaluation. `step` outlives the evaluation.
  virtual void begin_step(const Step& step) = 0;
  virtual std::optional<Error> take_error() = 0;

  // Between steps, on the threads that compute them: task(index, thread) once for each index in [0, count), thread in
  // [0, threads()); returns when all are done. The task must not throw. Here: one after another on this thread.
  virtual int threads() const { return 1; }
  virtual void for_each(int count, const std::function<void(int index, int thread)>& task);
};

}  // namespace mlxserving::nn
