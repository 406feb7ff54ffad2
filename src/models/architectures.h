// The architectures: each a function in the file of its name, each a row of registry.cpp.
#pragma once

#include "format/model_config.h"
#include "models/decoder.h"
#include "models/weights.h"
#include "nn/ops.h"

namespace mlxserving::models {

Decoder llama(const format::ModelConfig& config, Weights& weights, nn::Ops& ops);
Decoder qwen2(const format::ModelConfig& config, Weights& weights, nn::Ops& ops);
Decoder qwen3(const format::ModelConfig& config, Weights& weights, nn::Ops& ops);
Decoder gemma3_text(const format::ModelConfig& config, Weights& weights, nn::Ops& ops);
Decoder phi3(const format::ModelConfig& config, Weights& weights, nn::Ops& ops);

}  // namespace mlxserving::models
