// The decoder-only transformer that most text models are: embedding, residual layers of attention and MLP, norm, head.
// An architecture with that shape is a function that says where its weights lie; one with another writes a Model.
#pragma once

#include <memory>
#include <vector>

#include "format/model_config.h"
#include "models/model.h"
#include "nn/kv_view.h"
#include "nn/ops.h"

namespace mlxserving::models {

struct DecoderLayer {
  nn::AttentionBlock self_attn;
  nn::MlpBlock mlp;
};

struct Decoder {
  nn::Linear embed_tokens;
  float embed_scale = 1.0F;
  std::vector<DecoderLayer> layers;
  nn::Norm norm;
  nn::Linear lm_head;
  float logit_cap = 0.0F;  // 0: none
  nn::KvLayout kv_layout;
};

// `ops` outlives the model.
std::unique_ptr<Model> make_decoder(Decoder decoder, const nn::Ops& ops);

// One entry a layer, full and sliding layers in a group each.
nn::KvLayout kv_layout(const format::ModelConfig& config);

// Heads, scale and window-independent settings that `config` gives layer `layer`. Norms are the caller's.
class LayerRopes {
 public:
  LayerRopes(const format::ModelConfig& config, nn::Ops& ops);
  nn::Rope of(int layer) const;  // null where the layer does not rotate

 private:
  const format::ModelConfig& config_;
  nn::Rope full_;
  nn::Rope sliding_;
};
nn::AttentionSpec attention_spec(const format::ModelConfig& config, const nn::Rope& rope);

}  // namespace mlxserving::models
