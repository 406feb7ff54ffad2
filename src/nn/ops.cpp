// The composite ops, in terms of the basic ones, and what is the same for all that MLX evaluates.
#include "nn/ops.h"

#include <mlx/transforms.h>

namespace mlxserving::nn {

array Ops::attention_block(const array& x, const AttentionBlock& block, const KvView& kv) const {
  const Linear projections[] = {block.q_proj, block.k_proj, block.v_proj};
  const auto qkv = linears(rms_norm(x, block.input_norm), projections);
  const array y = linear(attention(qkv[0], qkv[1], qkv[2], block.attention, kv), block.o_proj);
  return add(x, block.output_norm ? rms_norm(y, block.output_norm) : y);
}

array Ops::mlp_block(const array& x, const MlpBlock& block) const {
  const Linear projections[] = {block.gate_proj, block.up_proj};
  const auto gate_up = linears(rms_norm(x, block.input_norm), projections);
  const array y = linear(gated(gate_up[0], gate_up[1], block.activation), block.down_proj);
  return add(x, block.output_norm ? rms_norm(y, block.output_norm) : y);
}

array Ops::decoder_layers(const array& x, std::span<const DecoderLayer> layers, KvStore& kv, const Step& step) const {
  array h = x;
  int index = 0;
  for (const DecoderLayer& layer : layers) {
    h = attention_block(h, layer.self_attn, {kv, index++, step});
    h = mlp_block(h, layer.mlp);
  }
  return h;
}

array Ops::logits(const array& x, const Norm& norm, const Linear& head, float cap, const Step& step) const {
  const array y = linear(rms_norm(select_rows(x, step.logit_rows), norm), head);
  return cap > 0.0F ? soft_cap(y, cap) : y;
}

void Ops::for_each(int count, const std::function<void(int index, int thread)>& task) {
  for (int i = 0; i < count; ++i) task(i, 0);
}

void Ops::evaluate(const array& x) const { mlx::core::eval(x); }

}  // namespace mlxserving::nn
