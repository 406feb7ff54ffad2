// Qwen2 and Qwen2.5: Llama with biases on the q, k and v projections. Yang et al., Qwen2 Technical Report, 2024.
#include <fmt/format.h>

#include <string>

#include "models/architectures.h"

namespace mlxserving::models {
namespace {

nn::AttentionBlock attention(const format::ModelConfig& config, Weights& weights, const std::string& layer,
                             const nn::Rope& rope) {
  const int64_t hidden = config.hidden_size;
  const int64_t q_width = int64_t{config.num_attention_heads} * config.head_dim;
  const int64_t kv_width = int64_t{config.num_key_value_heads} * config.head_dim;
  return {.input_norm = weights.norm(layer + "input_layernorm", hidden),
          .q_proj = weights.linear(layer + "self_attn.q_proj", hidden, q_width, Bias::present),
          .k_proj = weights.linear(layer + "self_attn.k_proj", hidden, kv_width, Bias::present),
          .v_proj = weights.linear(layer + "self_attn.v_proj", hidden, kv_width, Bias::present),
          .o_proj = weights.linear(layer + "self_attn.o_proj", q_width, hidden),
          .output_norm = nullptr,
          .attention = attention_spec(config, rope)};
}

nn::MlpBlock mlp(const format::ModelConfig& config, Weights& weights, const std::string& layer) {
  const int64_t hidden = config.hidden_size;
  const int64_t inner = config.intermediate_size;
  return {.input_norm = weights.norm(layer + "post_attention_layernorm", hidden),
          .gate_proj = weights.linear(layer + "mlp.gate_proj", hidden, inner),
          .up_proj = weights.linear(layer + "mlp.up_proj", hidden, inner),
          .down_proj = weights.linear(layer + "mlp.down_proj", inner, hidden),
          .output_norm = nullptr,
          .activation = nn::Activation::silu};
}

}  // namespace

Decoder qwen2(const format::ModelConfig& config, Weights& weights, nn::Ops& ops) {
  Decoder out;
  const LayerRopes ropes(config, ops);
  out.embed_tokens = weights.linear("model.embed_tokens", config.hidden_size, config.vocab_size);
  for (int i = 0; i < config.num_hidden_layers; ++i) {
    const std::string layer = fmt::format("model.layers.{}.", i);
    out.layers.push_back(
        {.self_attn = attention(config, weights, layer, ropes.of(i)), .mlp = mlp(config, weights, layer)});
  }
  out.norm = weights.norm("model.norm", config.hidden_size);
  out.lm_head = weights.head(out.embed_tokens, config.hidden_size, config.vocab_size);
  out.kv_layout = kv_layout(config);
  return out;
}

}  // namespace mlxserving::models
