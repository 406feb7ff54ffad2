// A model as the engine sees it: what it remembers of a token, and the logits of a step.
#pragma once

#include <mlx/array.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "format/model_config.h"
#include "mlxserving/error.h"
#include "nn/kv_view.h"
#include "nn/ops.h"
#include "nn/step.h"

namespace mlxserving::models {

// An architecture with its weights. Immutable after load; lives on the engine thread, as its Ops do.
class Model {
 public:
  virtual ~Model() = default;

  // The layers that remember, by group of equal window; Ops::make_kv_store makes the pools.
  virtual const nn::KvLayout& kv_layout() const = 0;

  // Builds the graph of one step: appends its rows to `kv` and gives the logits of step.logit_rows,
  // [logit_rows, vocab_size]. Computes nothing: the caller calls Ops::begin_step before, evaluates after, then asks
  // Ops::take_error.
  virtual mlx::core::array logits(const nn::Step& step, nn::KvStore& kv) const = 0;

  // As logits(), but the hidden states of all rows after the last norm, [rows, hidden_size]: what embeddings are made
  // of.
  virtual mlx::core::array hidden(const nn::Step& step, nn::KvStore& kv) const = 0;
};

// What a loaded model occupies, for reports and for admission.
struct ModelSizes {
  int64_t parameters = 0;         // weights as the architecture counts them, whatever their packing
  int64_t weight_bytes = 0;       // of the tensors in the files
  int64_t decode_bytes = 0;       // of those read to decode one token: of an embedding table that is no head only a row
  int64_t layer_parameters = 0;   // without embedding and head: what every token of a prompt is multiplied by
  int64_t kv_elements_token = 0;  // keys and values that one token adds over all layers
};

struct LoadedModel {
  format::ModelConfig config;
  ModelSizes sizes;
  std::unique_ptr<Model> model;
};

// Loads the MLX-format directory: config.json, weights, every tensor checked. `ops` outlives the model. Errors:
// not_found, io, invalid_model (files broken or contradicting each other), unsupported_model (an architecture or
// quantization we do not have); each names the file and the field or tensor, what was expected and what was found.
Result<LoadedModel> load_model(const std::string& directory, nn::Ops& ops);

// The values of model_type that load_model knows.
std::vector<std::string_view> architectures();

}  // namespace mlxserving::models
