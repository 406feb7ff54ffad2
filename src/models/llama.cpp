// Llama and its kin: Llama 2 and 3.x, Mistral, SmolLM2, SmolLM3. Touvron et al., LLaMA: Open and Efficient Foundation
// Language Models, 2023; grouped heads and windows as in Jiang et al., Mistral 7B, 2023.
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
  return {.input_norm = weights.norm(path + "input_layernorm", hidden),
          .q_proj = weights.linear(path + "self_attn.q_proj", hidden, q_width, bias),
          .k_proj = weights.linear(path + "self_attn.k_proj", hidden, kv_width, bias),
          .v_proj = weights.linear(path + "self_attn.v_proj", hidden, kv_width, bias),
          .o_proj = weights.linear(path + "self_attn.o_proj", q_width, hidden, bias),
          .output_norm = nullptr,
          .attention = attention_spec(config, rope)};
}

nn::MlpBlock mlp(const format::ModelConfig& config, Weights& weights, const std::string& path) {
  const int64_t hidden = config.hidden_size;
  const int64_t inner = config.intermediate_size;
  const Bias bias = bias_if(config.mlp_bias);
  return {.input_norm = weights.norm(path + "post_attention_layernorm", hidden),
          .gate_proj = weights.linear(path + "mlp.gate_proj", hidden, inner, bias),
          .up_proj = weights.linear(path + "mlp.up_proj", hidden, inner, bias),
          .down_proj = weights.linear(path + "mlp.down_proj", inner, hidden, bias),
          .output_norm = nullptr,
          .activation = nn::Activation::silu};
}

DecoderLayer layer(const format::ModelConfig& config, Weights& weights, const std::string& path, const nn::Rope& rope) {
  return {.self_attn = attention(config, weights, path, rope), .mlp = mlp(config, weights, path)};
}

}  // namespace

Decoder llama(const format::ModelConfig& config, Weights& weights, nn::Ops& ops) {
  return read_decoder(config, weights, ops, layer);
}

}  // namespace mlxserving::models
