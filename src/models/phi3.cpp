// Phi-3, Phi-3.5 and Phi-4: Llama with fused projections, rotating a part of each head. Abdin et al., Phi-3 Technical
// Report, 2024. The fused matrices are taken apart by rows at load, which moves no byte.
#include <string>

#include "models/architectures.h"

namespace mlxserving::models {
namespace {

nn::AttentionBlock attention(const format::ModelConfig& config, Weights& weights, const std::string& path,
                             const nn::Rope& rope) {
  const int64_t hidden = config.hidden_size;
  const int64_t q_width = int64_t{config.num_attention_heads} * config.head_dim;
  const int64_t kv_width = int64_t{config.num_key_value_heads} * config.head_dim;
  const auto qkv_proj = weights.fused_linear(path + "self_attn.qkv_proj", hidden, {q_width, kv_width, kv_width});
  return {.input_norm = weights.norm(path + "input_layernorm", hidden),
          .q_proj = qkv_proj[0],
          .k_proj = qkv_proj[1],
          .v_proj = qkv_proj[2],
          .o_proj = weights.linear(path + "self_attn.o_proj", q_width, hidden),
          .output_norm = nullptr,
          .attention = attention_spec(config, rope)};
}

nn::MlpBlock mlp(const format::ModelConfig& config, Weights& weights, const std::string& path) {
  const int64_t hidden = config.hidden_size;
  const int64_t inner = config.intermediate_size;
  const auto gate_up_proj = weights.fused_linear(path + "mlp.gate_up_proj", hidden, {inner, inner});
  return {.input_norm = weights.norm(path + "post_attention_layernorm", hidden),
          .gate_proj = gate_up_proj[0],
          .up_proj = gate_up_proj[1],
          .down_proj = weights.linear(path + "mlp.down_proj", inner, hidden),
          .output_norm = nullptr,
          .activation = nn::Activation::silu};
}

DecoderLayer layer(const format::ModelConfig& config, Weights& weights, const std::string& path, const nn::Rope& rope) {
  return {.self_attn = attention(config, weights, path, rope), .mlp = mlp(config, weights, path)};
}

}  // namespace

Decoder phi3(const format::ModelConfig& config, Weights& weights, nn::Ops& ops) {
  return read_decoder(config, weights, ops, layer);
}

}  // namespace mlxserving::models
