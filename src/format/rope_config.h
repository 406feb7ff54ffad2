// The rotary settings of a config.json, in either of their two forms. Private to model_config.cpp.
#pragma once

#include <cstdint>
#include <optional>

#include "format/json_fields.h"
#include "format/model_config.h"

namespace mlxserving::format {

struct RopeDefaults {
  double theta = 1e4;
  std::optional<double> sliding_theta = std::nullopt;  // the family's sliding layers have a rope of their own
  int64_t original_max_position_embeddings = 0;        // 0: by rope type
};

struct RopeContext {
  int head_dim = 0;
  int64_t max_position_embeddings = 0;  // 0: unknown
  RopeDefaults defaults;
};

RopeConfig read_full_rope(const JsonFields& config, FieldFaults& faults, const RopeContext& context);
RopeConfig read_sliding_rope(const JsonFields& config, FieldFaults& faults, const RopeContext& context);

}  // namespace mlxserving::format
