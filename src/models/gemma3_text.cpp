// Gemma 3, the text model: norms before and after each half layer, five sliding layers to a global one, each kind with
// its own rope. Gemma Team, Gemma 3 Technical Report, 2025.
#include <bit>
#include <cmath>
#include <cstdint>
#include <string>

#include <fmt/format.h>

#include "models/architectures.h"

namespace mlxserving::models {
namespace {

constexpr float kNormOffset = 1.0F;  // the files hold w - 1

nn::Norm gemma_norm(Weights& weights, const std::string& path, int64_t width) {
  return weights.norm(path, width, kNormOffset);
}

// The embedding's scale is a bf16 number in the reference, whatever the model computes in: sqrt(hidden), rounded to
// nearest even.
float embed_scale(int64_t hidden) {
  const auto bits = std::bit_cast<uint32_t>(std::sqrt(static_cast<float>(hidden)));
  return std::bit_cast<float>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) & 0xFFFF0000U);
}

nn::AttentionBlock attention(const format::ModelConfig& config, Weights& weights, const std::string& layer,
                             const nn::Rope& rope) {
  const int64_t hidden = config.hidden_size;
  const int64_t q_width = int64_t{config.num_attention_heads} * config.head_dim;
  const int64_t kv_width = int64_t{config.num_key_value_heads} * config.head_dim;
  const Bias bias = bias_if(config.attention_bias);
  nn::AttentionSpec spec = attention_spec(config, rope);
  spec.q_norm = gemma_norm(weights, layer + "self_attn.q_norm", config.head_dim);
  spec.k_norm = gemma_norm(weights, layer + "self_attn.k_norm", config.head_dim);
  return {.input_norm = gemma_norm(weights, layer + "input_layernorm", hidden),
          .q_proj = weights.linear(layer + "self_attn.q_proj", hidden, q_width, bias),
          .k_proj = weights.linear(layer + "self_attn.k_proj", hidden, kv_width, bias),
          .v_proj = weights.linear(layer + "self_attn.v_proj", hidden, kv_width, bias),
          .o_proj = weights.linear(layer + "self_attn.o_proj", q_width, hidden, bias),
          .output_norm = gemma_norm(weights, layer + "post_attention_layernorm", hidden),
          .attention = spec};
}

nn::MlpBlock mlp(const format::ModelConfig& config, Weights& weights, const std::string& layer) {
  const int64_t hidden = config.hidden_size;
  const int64_t inner = config.intermediate_size;
  return {.input_norm = gemma_norm(weights, layer + "pre_feedforward_layernorm", hidden),
          .gate_proj = weights.linear(layer + "mlp.gate_proj", hidden, inner),
          .up_proj = weights.linear(layer + "mlp.up_proj", hidden, inner),
          .down_proj = weights.linear(layer + "mlp.down_proj", inner, hidden),
          .output_norm = gemma_norm(weights, layer + "post_feedforward_layernorm", hidden),
          .activation = nn::Activation::gelu_tanh};
}

}  // namespace

Decoder gemma3_text(const format::ModelConfig& config, Weights& weights, nn::Ops& ops) {
  Decoder out;
  const LayerRopes ropes(config, ops);
  out.embed_tokens = weights.linear("model.embed_tokens", config.hidden_size, config.vocab_size);
  out.embed_scale = embed_scale(config.hidden_size);
  for (int i = 0; i < config.num_hidden_layers; ++i) {
    const std::string layer = fmt::format("model.layers.{}.", i);
    out.layers.push_back(
        {.self_attn = attention(config, weights, layer, ropes.of(i)), .mlp = mlp(config, weights, layer)});
  }
  out.norm = gemma_norm(weights, "model.norm", config.hidden_size);
  // Files tell by their tensors whether the head is the embedding, as mlx-lm reads them.
  const bool own_head = weights.has("lm_head.weight");
  out.lm_head = own_head ? weights.linear("lm_head", config.hidden_size, config.vocab_size) : out.embed_tokens;
  out.logit_cap = static_cast<float>(config.final_logit_softcapping.value_or(0.0));
  out.kv_layout = kv_layout(config);
  return out;
}

}  // namespace mlxserving::models
