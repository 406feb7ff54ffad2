// Qwen3: Llama with a norm on every query and key head. Yang et al., Qwen3 Technical Report, 2025.
#include <string>

#include "models/architectures.h"

namespace mlxserving::models {
namespace {

nn::AttentionBlock attention(const format::ModelConfig& config, Weights& weights, const std::string& path,
                             const nn::Rope& rope) {
  const int64_t hidden = config.hidden_size;
  const int64_t q_width = int64_t{config.num_attention_heads} * config.head_dim;
  const int64_t kv_width = int64_t{config.num_key_value_heads} * config.head_dim;
  const Bias bias = bias_if(config.attention_bias);
  nn::AttentionSpec spec = attention_spec(config, rope);
  spec.q_norm = weights.norm(path + "self_attn.q_norm", config.head_dim);
  spec.k_norm = weights.norm(path + "self_attn.k_norm", config.head_dim);
  return {.input_norm = weights.norm(path + "input_layernorm", hidden),
          .q_proj = weights.linear(path + "self_attn.q_proj", hidden, q_width, bias),
          .k_proj = weights.linear(path + "self_attn.k_proj", hidden, kv_width, bias),
          .v_proj = weights.linear(path + "self_attn.v_proj", hidden, kv_width, bias),
          .o_proj = weights.linear(path + "self_attn.o_proj", q_width, hidden, bias),
          .output_norm = nullptr,
          .attention = spec};
}

nn::MlpBlock mlp(const format::ModelConfig& config, Weights& weights, const std::string& path) {
  const int64_t hidden = config.hidden_size;
  const int64_t inner = config.intermediate_size;
  return {.input_norm = weights.norm(path + "post_attention_layernorm", hidden),
          .gate_proj = weights.linear(path + "mlp.gate_proj", hidden, inner),
          .up_proj = weights.linear(path + "mlp.up_proj", hidden, inner),
          .down_proj = weights.linear(path + "mlp.down_proj", inner, hidden),
          .output_norm = nullptr,
          .activation = nn::Activation::silu};
}

DecoderLayer layer(const format::ModelConfig& config, Weights& weights, const std::string& path, const nn::Rope& rope) {
  return {.self_attn = attention(config, weights, path, rope), .mlp = mlp(config, weights, path)};
}

}  // namespace

Decoder qwen3(const format::ModelConfig& config, Weights& weights, nn::Ops& ops) {
  return read_decoder(config, weights, ops, layer);
}

}  // namespace mlxserving::models
