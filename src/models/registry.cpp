// Which architectures there are, and how a directory becomes one.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "core/read_file.h"
#include "core/result.h"
#include "format/model_directory.h"
#include "format/model_weights.h"
#include "models/architectures.h"
#include "models/model.h"

namespace mlxserving::models {
namespace {

struct Architecture {
  std::string_view model_type;  // as config.json has it
  Decoder (*read)(const format::ModelConfig& config, Weights& weights, nn::Ops& ops);
};

constexpr Architecture kArchitectures[] = {
    {"llama", llama}, {"mistral", llama},      {"smollm3", llama},           {"qwen2", qwen2},
    {"qwen3", qwen3}, {"gemma3", gemma3_text}, {"gemma3_text", gemma3_text}, {"phi3", phi3},
};

const Architecture* find(std::string_view model_type) {
  const auto* found = std::ranges::find(kArchitectures, model_type, &Architecture::model_type);
  return found == std::end(kArchitectures) ? nullptr : found;
}

std::string supported() {
  std::string out;
  for (const std::string_view name : architectures()) out += fmt::format("{}{}", out.empty() ? "" : ", ", name);
  return out;
}

ModelSizes sizes_of(const Weights& weights, const Decoder& decoder, const format::ModelConfig& config) {
  const bool tied = decoder.lm_head == decoder.embed_tokens;
  ModelSizes sizes{
      .parameters = weights.parameters(),
      .weight_bytes = weights.bytes(),
      .decode_bytes = weights.bytes() - (tied ? 0 : weights.bytes_of("model.embed_tokens")),
      .layer_parameters = weights.parameters() - (tied ? 1 : 2) * int64_t{config.vocab_size} * config.hidden_size,
      .kv_elements_token = 0};
  for (const nn::KvLayer& layer : decoder.kv_layout.layers) {
    sizes.kv_elements_token += int64_t{2} * layer.kv_heads * layer.head_dim;
  }
  return sizes;
}

}  // namespace

std::vector<std::string_view> architectures() {
  std::vector<std::string_view> out;
  for (const Architecture& row : kArchitectures) out.push_back(row.model_type);
  return out;
}

Result<LoadedModel> load_model(const std::string& directory, nn::Ops& ops) {
  MLXS_CHECKED(format::check_model_directory(directory));
  const std::string path = directory + "/config.json";
  MLXS_TRY(const std::string text, read_file(path, format::ModelConfigLimits{}.bytes_max));
  // The type first: the fields of an architecture we do not have would read as faults.
  MLXS_TRY(const std::string model_type, format::parse_model_type(text, path));
  const Architecture* architecture = find(model_type);
  if (architecture == nullptr) {
    return fail(ErrorCode::unsupported_model, "model_type", "{}: model_type must be one of {}, got {}", path,
                supported(), model_type);
  }
  LoadedModel loaded;
  MLXS_TRY(loaded.config, format::parse_model_config(text, path));
  MLXS_TRY(format::ModelWeights files, format::open_model_weights(directory));
  Weights weights(std::move(files), loaded.config, ops);
  Decoder decoder = architecture->read(loaded.config, weights, ops);
  MLXS_CHECKED(weights.finish());
  loaded.sizes = sizes_of(weights, decoder, loaded.config);
  loaded.model = make_decoder(std::move(decoder), ops);
  return loaded;
}

}  // namespace mlxserving::models
