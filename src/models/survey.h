// A model directory checked as loading checks it, without taking its weights into memory: for reports.
#pragma once

#include <string>
#include <vector>

#include "format/model_config.h"
#include "models/model.h"
#include "nn/kv_view.h"

namespace mlxserving::models {

// A matrix of the model and what multiplies by it on this CPU in default numerics.
struct SurveyedMatrix {
  std::string name;  // of its tensor; parts of a fused one share it
  int64_t rows = 0;
  int64_t columns = 0;
  std::string layout;  // "BF16", "affine 4 bits by 64"
  std::string isa;
  std::string decode;
  std::string prefill;
};

struct ModelSurvey {
  format::ModelConfig config;
  ModelSizes sizes;
  nn::KvLayout kv_layout;
  std::vector<SurveyedMatrix> matrices;  // in the order of the model
};

// The errors are load_model's, and those of MLXS_FORCE_ISA.
Result<ModelSurvey> survey_model(const std::string& directory);

}  // namespace mlxserving::models
