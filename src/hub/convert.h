// A GGUF file as a model directory in the MLX format: config, weights, tokenizer and chat template.
#pragma once

#include <functional>
#include <string>

#include "hub/gguf_weights.h"
#include "mlxserving/error.h"

namespace mlxserving::hub {

// Hears of long work while it goes on: `begin` once with what there is to do, then `advance` for each part. An error
// from `advance` ends the work, which then leaves nothing behind.
struct WorkObserver {
  std::function<void(uint64_t bytes)> begin = [](uint64_t) {};
  std::function<Result<void>(uint64_t bytes)> advance = [](uint64_t) { return Result<void>(); };
};

struct ConvertOptions {
  RepackOptions repack;
  bool overwrite = false;  // replace `target`, if it is a model directory
};

struct ConvertSummary {
  std::string model_type;
  uint64_t parameters = 0;
  size_t tensors = 0;  // written
  uint64_t bytes = 0;  // of tensors written
  std::vector<std::string> files;
  std::map<std::string, RepackRow> types;
  bool has_chat_template = false;
};

// `target` appears complete or not at all. Errors: those of open_gguf, config_from_gguf, tokenizer_from_gguf,
// weights_from_gguf, StagedDirectory and the observer.
Result<ConvertSummary> convert_gguf(const std::string& path, const std::string& target, const ConvertOptions& options,
                                    const WorkObserver& observer = {});

// The `quantization` block: the commonest spec for all, and one entry for each layer that has another.
Json quantization_block(const std::map<std::string, format::QuantSpec>& quantized);

}  // namespace mlxserving::hub
