// Llama and its kin: Llama 2 and 3.x, Mistral, SmolLM2, SmolLM3. Touvron et al., LLaMA: Open and Efficient Foundation
// Language Models, 2023; grouped heads and windows as in Jiang et al., Mistral 7B, 2023.
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
  const Bias bias = bias_if(config.attention_bias);
  return {.input_norm = weights.norm(layer + "input_layernorm", hidden),
          .q_proj = weights.linear(layer + "self_attn.q_proj", hidden, q_width, bias),
          .k_proj = weights.linear(layer + "self_attn.k_proj", hidden, kv_width, bias),
          .v_proj = weights.linear(layer + "self_attn.v_proj", hidden, kv_width, bias),
          .o_proj = weights.linear(layer + "self_attn.o_proj", q_width, hidden, bias),
          .output_norm = nullptr,
          .attention = attention_spec(config, rope)};
}

nn::MlpBlock mlp(const format::ModelConfig& config, Weights& weights, const std::string& layer) {
  const int64_t hidden = config.hidden_size;
  const int64_t inner = config.intermediate_size;
  const Bias bias = bias_if(config.mlp_bias);
  return {.input_norm = weights.norm(layer + "post_attention_layernorm", hidden),
          .gate_proj = weights.linear(layer + "mlp.gate_proj", hidden, inner, bias),
          .up_proj = weights.linear(layer + "mlp.up_proj", hidden, inner, bias),
          .down_proj = weights.linear(layer + "mlp.down_proj", inner, hidden, bias),
          .output_norm = nullptr,
          .activation = nn::Activation::silu};
}

}  // namespace

Decoder llama(const format::ModelConfig& config, Weights& weights, nn::Ops& ops) {
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
