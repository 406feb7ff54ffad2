// Gemma 3, the text model: norms before and after each half layer, five sliding layers to a global one, each kind with
// its own rope. Gemma Team, Gemma 3 Technical Report, 2025.
#include <bit>
#include <cmath>
#include <cstdint>
#include <string>

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

nn::AttentionBlock attention(const format::ModelConfig& config, Weights& weights, const std::string& path,
                             const nn::Rope& rope) {
  const int64_t hidden = config.hidden_size;
  const int64_t q_width = int64_t{config.num_attention_heads} * config.head_dim;
  const int64_t kv_width = int64_t{config.num_key_value_heads} * config.head_dim;
  const Bias bias = bias_if(config.attention_bias);
  nn::AttentionSpec spec = attention_spec(config, rope);
  spec.q_norm = gemma_norm(weights, path + "self_attn.q_norm", config.head_dim);
  spec.k_norm = gemma_norm(weights, path + "self_attn.k_norm", config.head_dim);
  return {.input_norm = gemma_norm(weights, path + "input_layernorm", hidden),
          .q_proj = weights.linear(path + "self_attn.q_proj", hidden, q_width, bias),
          .k_proj = weights.linear(path + "self_attn.k_proj", hidden, kv_width, bias),
          .v_proj = weights.linear(path + "self_attn.v_proj", hidden, kv_width, bias),
          .o_proj = weights.linear(path + "self_attn.o_proj", q_width, hidden, bias),
          .output_norm = gemma_norm(weights, path + "post_attention_layernorm", hidden),
          .attention = spec};
}

nn::MlpBlock mlp(const format::ModelConfig& config, Weights& weights, const std::string& path) {
  const int64_t hidden = config.hidden_size;
  const int64_t inner = config.intermediate_size;
  return {.input_norm = gemma_norm(weights, path + "pre_feedforward_layernorm", hidden),
          .gate_proj = weights.linear(path + "mlp.gate_proj", hidden, inner),
          .up_proj = weights.linear(path + "mlp.up_proj", hidden, inner),
          .down_proj = weights.linear(path + "mlp.down_proj", inner, hidden),
          .output_norm = gemma_norm(weights, path + "post_feedforward_layernorm", hidden),
          .activation = nn::Activation::gelu_tanh};
}

DecoderLayer layer(const format::ModelConfig& config, Weights& weights, const std::string& path, const nn::Rope& rope) {
  return {.self_attn = attention(config, weights, path, rope), .mlp = mlp(config, weights, path)};
}

}  // namespace

Decoder gemma3_text(const format::ModelConfig& config, Weights& weights, nn::Ops& ops) {
  Decoder out = read_decoder(config, weights, ops, layer, kNormOffset);
  out.embed_scale = embed_scale(config.hidden_size);
  out.logit_cap = static_cast<float>(config.final_logit_softcapping.value_or(0.0));
  return out;
}

}  // namespace mlxserving::models
