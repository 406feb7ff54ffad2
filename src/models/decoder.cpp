#include "models/decoder.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "models/rope.h"

namespace mlxserving::models {
namespace {

using format::LayerType;

class DecoderModel final : public Model {
 public:
  DecoderModel(Decoder decoder, const nn::Ops& ops) : decoder_(std::move(decoder)), ops_(ops) {}

  const nn::KvLayout& kv_layout() const override { return decoder_.kv_layout; }

  nn::array logits(const nn::Step& step, nn::KvStore& kv) const override {
    return ops_.logits(layers(step, kv), decoder_.norm, decoder_.lm_head, decoder_.logit_cap, step);
  }

  nn::array hidden(const nn::Step& step, nn::KvStore& kv) const override {
    return ops_.rms_norm(layers(step, kv), decoder_.norm);
  }

 private:
  nn::array layers(const nn::Step& step, nn::KvStore& kv) const {
    const nn::array x = ops_.embed(step.tokens, decoder_.embed_tokens, decoder_.embed_scale);
    return ops_.decoder_layers(x, decoder_.layers, kv, step);
  }

  Decoder decoder_;
  const nn::Ops& ops_;
};

// One entry a layer, full and sliding layers in a group each.
nn::KvLayout kv_layout(const format::ModelConfig& config) {
  nn::KvLayout layout;
  int group_of[] = {-1, -1};  // by LayerType
  for (const LayerType type : config.layer_types) {
    int& group = group_of[static_cast<int>(type)];
    if (group < 0) {
      group = static_cast<int>(layout.windows.size());
      layout.windows.push_back(type == LayerType::sliding_attention ? config.sliding_window : 0);
    }
    layout.layers.push_back({.kv_heads = config.num_key_value_heads, .head_dim = config.head_dim, .group = group});
  }
  return layout;
}

// The ropes of full and of sliding layers, made once.
class LayerRopes {
 public:
  LayerRopes(const format::ModelConfig& config, nn::Ops& ops)
      : config_(config),
        full_(ops.make_rope(rope_spec(config.rope, config.head_dim))),
        sliding_(ops.make_rope(rope_spec(config.rope_sliding, config.head_dim))) {}

  // Null where the layer does not rotate.
  nn::Rope of(int layer) const {
    const auto i = static_cast<size_t>(layer);
    if (config_.no_rope_layers[i]) return nullptr;
    return config_.layer_types[i] == LayerType::sliding_attention ? sliding_ : full_;
  }

 private:
  const format::ModelConfig& config_;
  nn::Rope full_;
  nn::Rope sliding_;
};

}  // namespace

std::unique_ptr<Model> make_decoder(Decoder decoder, const nn::Ops& ops) {
  return std::make_unique<DecoderModel>(std::move(decoder), ops);
}

Decoder read_decoder(const format::ModelConfig& config, Weights& weights, nn::Ops& ops, ReadLayer read_layer,
                     float norm_offset) {
  const LayerRopes ropes(config, ops);
  Decoder out;
  out.embed_tokens = weights.linear("model.embed_tokens", config.hidden_size, config.vocab_size);
  for (int i = 0; i < config.num_hidden_layers; ++i) {
    out.layers.push_back(read_layer(config, weights, fmt::format("model.layers.{}.", i), ropes.of(i)));
  }
  out.norm = weights.norm("model.norm", config.hidden_size, norm_offset);
  const bool tied = config.tie_word_embeddings.value_or(!weights.has("lm_head.weight"));
  out.lm_head = tied ? out.embed_tokens : weights.linear("lm_head", config.hidden_size, config.vocab_size);
  out.kv_layout = kv_layout(config);
  return out;
}

nn::AttentionSpec attention_spec(const format::ModelConfig& config, const nn::Rope& rope) {
  const double squared_scale = config.query_pre_attn_scalar.value_or(config.head_dim);
  return {.heads = config.num_attention_heads,
          .kv_heads = config.num_key_value_heads,
          .head_dim = config.head_dim,
          .scale = static_cast<float>(1.0 / std::sqrt(squared_scale)),
          .soft_cap = static_cast<float>(config.attn_logit_softcapping.value_or(0.0)),
          .rope = rope,
          .q_norm = nullptr,
          .k_norm = nullptr};
}

}  // namespace mlxserving::models
