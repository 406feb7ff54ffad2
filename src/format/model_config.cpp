#include "format/model_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/json.h"
#include "core/read_file.h"
#include "core/result.h"
#include "format/json_fields.h"
#include "format/quantization_config.h"
#include "format/rope_config.h"

namespace mlxserving::format {
namespace {

// What a family's own configuration class fills in when the file is silent, as mlx-lm's ModelArgs have it; the longest
// text, which mlx-lm does not ask for, as transformers' configurations do. Absent: the field is required.
struct Family {
  std::string_view model_type;
  RopeDefaults rope = {};
  std::optional<bool> tie_word_embeddings = true;  // nullopt: tied when the files hold no lm_head
  std::string_view activation = "silu";
  std::optional<int64_t> head_dim = std::nullopt;  // else hidden_size / num_attention_heads
  std::optional<int64_t> hidden_size = std::nullopt;
  std::optional<int64_t> num_hidden_layers = std::nullopt;
  std::optional<int64_t> intermediate_size = std::nullopt;
  std::optional<int64_t> num_attention_heads = std::nullopt;
  std::optional<int64_t> num_key_value_heads = std::nullopt;  // else num_attention_heads
  std::optional<int64_t> vocab_size = std::nullopt;
  std::optional<double> query_pre_attn_scalar = std::nullopt;  // else head_dim
  int64_t sliding_window = 0;                                  // 0: none
  int64_t max_position_embeddings = 2048;
};

constexpr Family kFamilies[] = {
    {.model_type = "llama"},
    {.model_type = "mistral", .max_position_embeddings = 131'072},
    {.model_type = "mistral3", .tie_word_embeddings = false, .max_position_embeddings = 131'072},
    {.model_type = "smollm3", .max_position_embeddings = 32'768},
    {.model_type = "qwen2", .rope = {.theta = 1e6}, .max_position_embeddings = 32'768},
    {.model_type = "qwen3", .rope = {.theta = 1e6}, .head_dim = 128, .max_position_embeddings = 32'768},
    {.model_type = "phi3",
     .rope = {.original_max_position_embeddings = 4096},
     .tie_word_embeddings = false,
     .max_position_embeddings = 4096},
    {.model_type = "gemma3_text",
     .rope = {.theta = 1e6, .sliding_theta = 1e4},
     .tie_word_embeddings = std::nullopt,
     .activation = "gelu_pytorch_tanh",
     .head_dim = 256,
     .hidden_size = 1152,
     .num_hidden_layers = 26,
     .intermediate_size = 6912,
     .num_attention_heads = 4,
     .num_key_value_heads = 1,
     .vocab_size = 262'144,
     .query_pre_attn_scalar = 256,
     .sliding_window = 512,
     .max_position_embeddings = 131'072},
    // The text part of gemma3, whose text_config holds only what differs from a larger model.
    {.model_type = "gemma3",
     .rope = {.theta = 1e6, .sliding_theta = 1e4},
     .tie_word_embeddings = std::nullopt,
     .activation = "gelu_pytorch_tanh",
     .head_dim = 256,
     .hidden_size = 2304,
     .num_hidden_layers = 26,
     .intermediate_size = 9216,
     .num_attention_heads = 8,
     .num_key_value_heads = 4,
     .vocab_size = 262'208,
     .query_pre_attn_scalar = 256,
     .sliding_window = 512,
     .max_position_embeddings = 131'072},
};

// By the whole file's type, else by the text model's; any other is taken for a llama.
const Family& family_of(std::string_view file_type, std::string_view text_type) {
  for (const std::string_view type : {file_type, text_type}) {
    const auto* found = std::ranges::find(kFamilies, type, &Family::model_type);
    if (found != std::end(kFamilies)) return *found;
  }
  return kFamilies[0];
}

Result<Json> parse_object(std::string_view text, std::string_view path, const ModelConfigLimits& limits) {
  auto parsed = parse_json(text, path, {.bytes_max = limits.bytes_max});
  if (!parsed) return Error{ErrorCode::invalid_model, parsed.error().message, parsed.error().param};
  if (!parsed->is_object()) {
    return fail(ErrorCode::invalid_model, std::string(path), "{}: must be an object, got {}", path, shown(*parsed));
  }
  return std::move(*parsed);
}

// The object with the text model's fields: the whole file, or the text_config of a multimodal one.
JsonFields text_fields(const Json& top, FieldFaults& faults) {
  const Json* nested = JsonFields(top, "", faults).object("text_config");
  return nested == nullptr ? JsonFields(top, "", faults) : JsonFields(*nested, "text_config.", faults);
}

// Reads one config.json, which it borrows.
class Reader {
 public:
  Reader(const Json& top, FieldFaults& faults, const ModelConfigLimits& limits)
      : top_(top, "", faults), text_(text_fields(top, faults)), top_json_(top), faults_(faults), limits_(limits) {}

  std::string model_type() const {
    std::string type = text_.text("model_type", top_.text("model_type", ""));
    if (type.empty()) top_.fault("model_type", "is missing");
    return type;
  }

  ModelConfig read() {
    config_.is_text_of_multimodal = top_.has("text_config");
    config_.model_type = model_type();
    family_ = family_of(top_.text("model_type", ""), config_.model_type);
    read_sizes();
    if (faults_.first()) return config_;  // what follows is sized by these
    read_block();
    read_layers();
    read_rope();
    config_.quantization = read_quantization(top_json_, top_, text_, faults_);
    read_eos();
    refuse_unknown_modes();
    return config_;
  }

 private:
  void read_sizes() {
    const IntegerRange width{1, limits_.width_max};
    config_.vocab_size = vocabulary();
    config_.hidden_size = text_.integer("hidden_size", width, family_.hidden_size);
    config_.intermediate_size = text_.integer("intermediate_size", width, family_.intermediate_size);
    config_.num_hidden_layers = small("num_hidden_layers", limits_.layers_max, family_.num_hidden_layers);
    config_.num_attention_heads = small("num_attention_heads", limits_.heads_max, family_.num_attention_heads);
    const int64_t kv_heads = family_.num_key_value_heads.value_or(config_.num_attention_heads);
    config_.num_key_value_heads = small("num_key_value_heads", limits_.heads_max, kv_heads);
    if (config_.num_attention_heads % config_.num_key_value_heads != 0) {
      text_.fault("num_key_value_heads", fmt::format("must divide num_attention_heads, {}, got {}",
                                                     config_.num_attention_heads, config_.num_key_value_heads));
    }
    read_head_dim();
    config_.max_position_embeddings =
        text_.integer("max_position_embeddings", {1, limits_.positions_max}, family_.max_position_embeddings);
  }

  // Multimodal files keep the padded size at the top (mlx-lm's gemma3 reads only that one).
  int64_t vocabulary() {
    const IntegerRange range{1, limits_.vocab_size_max};
    const std::optional<int64_t> own = text_.integer("vocab_size", range);
    return own ? *own : top_.integer("vocab_size", range, family_.vocab_size);
  }

  int small(const char* key, int max, std::optional<int64_t> fallback) const {
    return static_cast<int>(text_.integer(key, {1, max}, fallback));
  }

  void read_head_dim() {
    const std::optional<int64_t> given = text_.integer("head_dim", {2, limits_.head_dim_max});
    const bool divides = config_.hidden_size % config_.num_attention_heads == 0;
    const int64_t quotient = config_.hidden_size / config_.num_attention_heads;
    if (!given && !family_.head_dim && (!divides || quotient > limits_.head_dim_max || quotient < 2)) {
      text_.fault("head_dim",
                  fmt::format("is missing and hidden_size, {}, over num_attention_heads, {}, gives no width "
                              "in [2, {}]",
                              config_.hidden_size, config_.num_attention_heads, limits_.head_dim_max));
    }
    config_.head_dim = static_cast<int>(given.value_or(family_.head_dim.value_or(quotient)));
    if (config_.head_dim % 2 != 0) text_.fault("head_dim", fmt::format("must be even, got {}", config_.head_dim));
  }

  void read_block() {
    config_.rms_norm_eps = text_.number("rms_norm_eps", {0, 1}, 1e-6);
    config_.tie_word_embeddings = tied();
    config_.attention_bias = text_.boolean("attention_bias", false);
    config_.mlp_bias = text_.boolean("mlp_bias", false);
    config_.query_pre_attn_scalar = text_.number("query_pre_attn_scalar");
    if (!config_.query_pre_attn_scalar) config_.query_pre_attn_scalar = family_.query_pre_attn_scalar;
    config_.attn_logit_softcapping = text_.number("attn_logit_softcapping");
    config_.final_logit_softcapping = text_.number("final_logit_softcapping");
    const char* key = text_.has("hidden_activation") ? "hidden_activation" : "hidden_act";
    config_.hidden_act = text_.text(key, std::string(family_.activation));
    if (config_.hidden_act != family_.activation) {
      text_.fault(key, fmt::format("must be {}, got {}", family_.activation, config_.hidden_act),
                  ErrorCode::unsupported_model);
    }
  }

  // A family without a default goes by the files alone: mlx-lm's Gemma 3 never looks at the setting.
  std::optional<bool> tied() const {
    if (!family_.tie_word_embeddings) return std::nullopt;
    const char* key = "tie_word_embeddings";
    const JsonFields& holder = text_.has(key) ? text_ : top_;
    return holder.has(key) ? holder.boolean(key, false) : family_.tie_word_embeddings;
  }

  void read_layers() {
    const auto count = static_cast<size_t>(config_.num_hidden_layers);
    config_.sliding_window =
        static_cast<int32_t>(text_.integer("sliding_window", {1, INT32_MAX / 2}, family_.sliding_window));
    config_.layer_types = text_.has("layer_types") ? named_layers() : implied_layers();
    if (config_.layer_types.size() != count && !faults_.first()) {
      text_.fault("layer_types",
                  fmt::format("must have num_hidden_layers, {}, entries, got {}", count, config_.layer_types.size()));
    }
    const bool slides = std::ranges::count(config_.layer_types, LayerType::sliding_attention) > 0;
    if (slides && config_.sliding_window == 0) text_.fault("sliding_window", "is missing, but some layers slide");
    if (!slides) config_.sliding_window = 0;
    read_no_rope_layers();
  }

  std::vector<LayerType> named_layers() const {
    std::vector<LayerType> out;
    for (const std::string& name : text_.texts("layer_types", static_cast<size_t>(limits_.layers_max))) {
      const bool slides = name == "sliding_attention";
      if (!slides && name != "full_attention") {
        text_.fault("layer_types", "may hold full_attention and sliding_attention, found " + name,
                    ErrorCode::unsupported_model);
      }
      out.push_back(slides ? LayerType::sliding_attention : LayerType::full_attention);
    }
    return out;
  }

  // Files older than layer_types. Mistral and Phi-3 slide everywhere when they have a window, as transformers runs them
  // (mlx-lm attends to everything there, which differs only beyond the window).
  std::vector<LayerType> implied_layers() const {
    const std::string& type = config_.model_type;
    const int64_t layers = config_.num_hidden_layers;
    int64_t first_sliding = layers;
    if ((type == "mistral" || type == "phi3") && config_.sliding_window > 0) first_sliding = 0;
    if (type.starts_with("qwen") && text_.boolean("use_sliding_window", false)) {
      first_sliding = text_.integer("max_window_layers", {0, INT32_MAX}, int64_t{28});
    }
    std::vector<LayerType> out(static_cast<size_t>(layers), LayerType::full_attention);
    const int64_t pattern = type.starts_with("gemma3") ? sliding_pattern() : 0;
    for (int64_t i = 0; i < layers; ++i) {
      const bool slides = pattern > 0 ? (i + 1) % pattern != 0 : i >= first_sliding;
      if (slides) out[static_cast<size_t>(i)] = LayerType::sliding_attention;
    }
    return out;
  }

  int64_t sliding_pattern() const {
    const char* key = text_.has("_sliding_window_pattern") ? "_sliding_window_pattern" : "sliding_window_pattern";
    return text_.integer(key, {1, limits_.layers_max}, int64_t{6});
  }

  // The list says 1 where a layer rotates, against its name (SmolLM3).
  void read_no_rope_layers() {
    const auto count = static_cast<size_t>(config_.num_hidden_layers);
    config_.no_rope_layers.assign(count, false);
    if (config_.model_type != "smollm3") return;
    const int64_t interval = text_.integer("no_rope_layer_interval", {1, limits_.layers_max}, int64_t{4});
    const std::vector<int64_t> rotates =
        text_.integers("no_rope_layers", {0, 1}, static_cast<size_t>(limits_.layers_max));
    if (text_.has("no_rope_layers") && rotates.size() != count) {
      return text_.fault("no_rope_layers",
                         fmt::format("must have num_hidden_layers, {}, entries, got {}", count, rotates.size()));
    }
    for (size_t i = 0; i < count; ++i) {
      config_.no_rope_layers[i] = rotates.empty() ? (static_cast<int64_t>(i) + 1) % interval == 0 : rotates[i] == 0;
    }
  }

  void read_rope() {
    const RopeContext context{
        .head_dim = config_.head_dim,
        // A length that the file does not state changes no frequencies.
        .max_position_embeddings = text_.has("max_position_embeddings") ? config_.max_position_embeddings : 0,
        .defaults = family_.rope};
    config_.rope = read_full_rope(text_, faults_, context);
    config_.rope_sliding = read_sliding_rope(text_, faults_, context);
  }

  void read_eos() {
    const JsonFields& holder = top_.has("eos_token_id") ? top_ : text_;
    const Json* value = holder.find("eos_token_id");
    if (value == nullptr) return;
    const IntegerRange range{0, INT32_MAX};
    if (value->is_array()) {
      for (const int64_t id : holder.integers("eos_token_id", range, static_cast<size_t>(limits_.eos_tokens_max))) {
        config_.eos_token_ids.push_back(static_cast<int32_t>(id));
      }
    } else if (const auto id = holder.integer("eos_token_id", range)) {
      config_.eos_token_ids.push_back(static_cast<int32_t>(*id));
    }
  }

  // Settings that change what a model computes and that no architecture here knows: better refused than ignored.
  void refuse_unknown_modes() const {
    for (const char* key : {"rope_traditional", "use_bidirectional_attention"}) {
      if (text_.boolean(key, false)) text_.fault(key, "must be false, got true", ErrorCode::unsupported_model);
    }
    if (top_.has("model_file")) {
      top_.fault("model_file", "must be absent: models that bring their own code are not supported",
                 ErrorCode::unsupported_model);
    }
  }

  JsonFields top_;
  JsonFields text_;
  const Json& top_json_;
  FieldFaults& faults_;
  const ModelConfigLimits& limits_;
  Family family_;
  ModelConfig config_;
};

}  // namespace

Result<ModelConfig> parse_model_config(std::string_view text, std::string_view path, const ModelConfigLimits& limits) {
  MLXS_TRY(const Json top, parse_object(text, path, limits));
  FieldFaults faults(path);
  ModelConfig config = Reader(top, faults, limits).read();
  if (faults.first()) return *faults.first();
  return config;
}

Result<std::string> parse_model_type(std::string_view text, std::string_view path, const ModelConfigLimits& limits) {
  MLXS_TRY(const Json top, parse_object(text, path, limits));
  FieldFaults faults(path);
  std::string type = Reader(top, faults, limits).model_type();
  if (faults.first()) return *faults.first();
  return type;
}

Result<ModelConfig> read_model_config(const std::string& directory, const ModelConfigLimits& limits) {
  const std::string path = directory + "/config.json";
  MLXS_TRY(const std::string text, read_file(path, limits.bytes_max));
  return parse_model_config(text, path, limits);
}

}  // namespace mlxserving::format
