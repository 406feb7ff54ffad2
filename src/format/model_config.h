// config.json as a typed value: what the architectures need to know, checked, with the defaults of their families.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format/quantization.h"
#include "mlxserving/error.h"

namespace mlxserving::format {

// The enumerators are the values in the file.
enum class LayerType : uint8_t { full_attention, sliding_attention };
enum class RopeType : uint8_t { none, linear, dynamic, llama3, yarn, longrope };

// One kind of rotary positions, whichever of the two forms the file has: rope_theta and rope_scaling, or
// transformers 5's rope_parameters.
struct RopeConfig {
  RopeType type = RopeType::none;
  double theta = 10'000.0;
  double partial_rotary_factor = 1.0;  // of head_dim
  double factor = 1.0;
  int64_t original_max_position_embeddings = 0;
  double low_freq_factor = 1.0;   // llama3
  double high_freq_factor = 4.0;  // llama3
  double beta_fast = 32.0;        // yarn
  double beta_slow = 1.0;         // yarn
  std::optional<double> mscale = std::nullopt;
  std::optional<double> mscale_all_dim = std::nullopt;
  std::optional<double> attention_factor = std::nullopt;
  bool truncate = true;                   // yarn: its ramp begins and ends at whole pairs
  std::vector<double> short_factor = {};  // longrope, [dims / 2]
  std::vector<double> long_factor = {};   // longrope, [dims / 2]
};

// Which layers are packed, and how. A layer not named in `layers` is packed as `all` when the files hold its scales.
struct QuantConfig {
  std::optional<QuantSpec> all = std::nullopt;
  // By module path. An empty value: `false` in the file, kept dense.
  std::map<std::string, std::optional<QuantSpec>, std::less<>> layers = {};
};

struct ModelConfig {
  std::string model_type;              // of the text model: "llama"
  bool is_text_of_multimodal = false;  // the fields came from text_config; weights have prefixes and towers to drop

  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int num_hidden_layers = 0;
  int num_attention_heads = 0;
  int num_key_value_heads = 0;
  int head_dim = 0;
  int64_t max_position_embeddings = 0;
  double rms_norm_eps = 1e-6;
  std::string hidden_act;
  std::optional<bool> tie_word_embeddings = std::nullopt;  // absent: tied when the files hold no lm_head
  bool attention_bias = false;
  bool mlp_bias = false;
  std::optional<double> query_pre_attn_scalar =
      std::nullopt;  // scores are scaled by its -1/2 power instead of head_dim's
  std::optional<double> attn_logit_softcapping = std::nullopt;
  std::optional<double> final_logit_softcapping = std::nullopt;

  int32_t sliding_window = 0;               // tokens a sliding layer looks back to, itself included; 0: no such layer
  std::vector<LayerType> layer_types = {};  // [num_hidden_layers]
  std::vector<bool> no_rope_layers = {};    // [num_hidden_layers], true: the layer does not rotate
  RopeConfig rope;                          // of full_attention layers
  RopeConfig rope_sliding;                  // of sliding_attention layers; the same as `rope` in most families

  QuantConfig quantization;
  std::vector<int32_t> eos_token_ids = {};  // of config.json only; generation_config.json is the tokenizer's matter
};

struct ModelConfigLimits {
  size_t bytes_max = size_t{16} << 20;
  int64_t vocab_size_max = int64_t{1} << 24;
  int64_t width_max = int64_t{1} << 20;  // hidden, intermediate, heads * head_dim
  int layers_max = 1024;
  int heads_max = 1024;
  int head_dim_max = 1024;
  int64_t positions_max = int64_t{1} << 30;
  int eos_tokens_max = 64;
};

// Parses the text of a config.json, which `path` names in errors. Errors: invalid_model (a field missing, of the wrong
// type or out of range; `param` is the field), unsupported_model (a rope type, activation or quantization method we do
// not have). An architecture we do not have is no fault here: models/registry.cpp decides.
Result<ModelConfig> parse_model_config(std::string_view text, std::string_view path,
                                       const ModelConfigLimits& limits = {});

// Only the name of the text model's architecture, as ModelConfig::model_type would have it.
Result<std::string> parse_model_type(std::string_view text, std::string_view path,
                                     const ModelConfigLimits& limits = {});

// As above of the file `directory`/config.json. Also not_found and io.
Result<ModelConfig> read_model_config(const std::string& directory, const ModelConfigLimits& limits = {});

}  // namespace mlxserving::format
