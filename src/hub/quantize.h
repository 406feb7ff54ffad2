// A model directory with its matrices quantised as mlx-lm's converter would: bit for bit mlx.core.quantize.
#pragma once

#include <string>
#include <vector>

#include "format/quantization.h"
#include "hub/convert.h"
#include "mlxserving/error.h"

namespace mlxserving::hub {

// Which spec the modules have whose path matches `pattern` (* stands for any characters). No spec: kept dense.
struct LayerRule {
  std::string pattern;
  std::optional<format::QuantSpec> spec;
};

struct QuantizeOptions {
  format::QuantSpec spec;         // of every matrix, unless the recipe or a rule says otherwise
  std::string recipe;             // "mixed_3_6" ...: more bits where errors hurt most; empty: none
  std::vector<LayerRule> layers;  // the last that matches decides, over the recipe
  bool requantize = false;        // take quantised matrices too, through what they stand for
  bool overwrite = false;         // replace `target`, if it is a model directory
};

struct QuantizeSummary {
  uint64_t parameters = 0;
  size_t quantized = 0;  // matrices
  size_t dense = 0;      // other tensors
  uint64_t bytes_before = 0;
  uint64_t bytes = 0;
  std::vector<std::string> files;
  double bits_per_weight() const { return static_cast<double>(bytes) * 8 / static_cast<double>(parameters); }
};

// Parses "model.layers.*.mlp.down_proj=6:64", "lm_head=8", "*.gate=mxfp4", "lm_head=dense". Bits alone take the group
// of `defaults`.
Result<LayerRule> parse_layer_rule(const std::string& text, const format::QuantSpec& defaults);

// The names of the recipes, which are mlx-lm's.
std::vector<std::string> quantize_recipes();

// `target` appears complete or not at all. Errors: those of open_model_weights and StagedDirectory, invalid_request (a
// recipe or rule that does not fit, a model that is quantised already), invalid_model (weights that are not finite).
Result<QuantizeSummary> quantize_model(const std::string& directory, const std::string& target,
                                       const QuantizeOptions& options, const WorkObserver& observer = {});

}  // namespace mlxserving::hub
