// Runs given tokens through a model alone and shows every logit: what parity with reference implementations is measured
// on. The engine serves requests by other means, over the same Model.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "mlxserving/error.h"
#include "models/model.h"
#include "nn/kv_view.h"
#include "nn/ops.h"

namespace mlxserving::models {

struct ReplayOptions {
  int32_t prefill = 0;         // tokens that run as prefill chunks, the rest one by one as decode rows; 0: all
  int32_t chunk = 0;           // tokens of a prefill chunk; 0: all at once
  bool all_positions = false;  // else the last one only
  nn::KvType kv_type = nn::KvType::f32;
};

// Logits by position, [vocab_size] each. Errors: invalid_request (a token outside the vocabulary, no token) and what
// the ops report.
Result<std::vector<std::vector<float>>> replay(const LoadedModel& loaded, nn::Ops& ops, std::span<const int32_t> tokens,
                                               const ReplayOptions& options = {});

}  // namespace mlxserving::models
