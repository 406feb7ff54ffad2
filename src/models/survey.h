// A model directory checked as loading checks it, without taking its weights into memory: for reports.
#pragma once

#include <string>

#include "format/model_config.h"
#include "models/model.h"
#include "nn/kv_view.h"

namespace mlxserving::models {

struct ModelSurvey {
  format::ModelConfig config;
  ModelSizes sizes;
  nn::KvLayout kv_layout;
};

// The errors are load_model's.
Result<ModelSurvey> survey_model(const std::string& directory);

}  // namespace mlxserving::models
