// The decoder-only transformer that most text models are: embedding, residual layers of attention and MLP, norm, head.
// An architecture with that shape is a function that says where its weights lie; one with another writes a Model.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "format/model_config.h"
#include "models/model.h"
#include "models/weights.h"
#include "nn/kv_view.h"
#include "nn/ops.h"

namespace mlxserving::models {

using nn::DecoderLayer;

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

// Reads one layer, whose tensors' names begin with `path`, "model.layers.0.". A null `rope`: the layer does not rotate.
using ReadLayer = DecoderLayer (*)(const format::ModelConfig& config, Weights& weights, const std::string& path,
                                   const nn::Rope& rope);

// The whole decoder by the names that Llama gave and nearly all kept: model.embed_tokens, model.layers.N, model.norm,
// lm_head. `norm_offset` is the final norm's.
Decoder read_decoder(const format::ModelConfig& config, Weights& weights, nn::Ops& ops, ReadLayer read_layer,
                     float norm_offset = 0.0F);

// What `config` says of every layer's attention; norms of heads are the caller's.
nn::AttentionSpec attention_spec(const format::ModelConfig& config, const nn::Rope& rope);

}  // namespace mlxserving::models
