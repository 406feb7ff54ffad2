// Any bytes as a config.json: an error, or a config whose lists fit its sizes.
#include <cstdlib>
#include <string_view>

#include "format/model_config.h"

using namespace mlxserving::format;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check_rope(const RopeConfig& rope, int head_dim) {
  const int dims = static_cast<int>(head_dim * rope.partial_rotary_factor);
  require(dims >= 2 && dims <= head_dim && dims % 2 == 0);
  require(rope.theta > 0 && rope.factor > 0);
  if (rope.type == RopeType::longrope) require(rope.long_factor.size() == static_cast<size_t>(dims / 2));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = parse_model_config(text, "fuzz");
  if (!config) {
    require(!config.error().message.empty());
    return 0;
  }
  require(*parse_model_type(text, "fuzz") == config->model_type);
  const auto layers = static_cast<size_t>(config->num_hidden_layers);
  require(layers >= 1 && config->layer_types.size() == layers && config->no_rope_layers.size() == layers);
  require(config->num_attention_heads % config->num_key_value_heads == 0 && config->head_dim % 2 == 0);
  check_rope(config->rope, config->head_dim);
  check_rope(config->rope_sliding, config->head_dim);
  for (const LayerType type : config->layer_types) {
    require(type != LayerType::sliding_attention || config->sliding_window > 0);
  }
  return 0;
}
