// Which matrices of a model are quantised, and how: the decisions, without the work.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "format/model_weights.h"
#include "hub/quantize.h"

namespace mlxserving::hub {

// One tensor of the result, or the three of one matrix.
struct PlannedTensor {
  const format::Tensor* source = nullptr;      // dense values, or packed codes
  std::optional<format::QuantSpec> from = {};  // how `source` is packed; none: dense
  const format::Tensor* from_scales = nullptr;
  const format::Tensor* from_biases = nullptr;
  std::optional<format::QuantSpec> to = {};  // none: copied as it is
  format::DType dtype = format::DType::f32;  // of the dense values
  format::Shape shape = {};                  // of the dense values
};

struct QuantizePlan {
  std::vector<PlannedTensor> tensors;                  // in the order of their names
  std::map<std::string, format::QuantSpec> quantized;  // by module path
  uint64_t parameters = 0;
};

// `config` is the model's config.json.
Result<QuantizePlan> plan_quantization(const format::ModelWeights& weights, const Json& config,
                                       const QuantizeOptions& options);

}  // namespace mlxserving::hub
