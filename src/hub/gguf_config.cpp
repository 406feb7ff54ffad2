#include "hub/gguf_config.h"

#include <cmath>
#include <numbers>
#include <optional>
#include <set>
#include <vector>

#include "core/result.h"
#include "format/float_types.h"

namespace mlxserving::hub {
namespace {

using format::GgufFile;
using format::GgufTensor;

// Reads "<architecture>.<key>" and keeps the first error, so that a config reads as the list of keys it is.
class Keys {
 public:
  explicit Keys(const GgufFile& file) : file_(file) {}

  std::optional<int64_t> maybe_count(std::string_view key) const { return file_.integer(arch_key(file_, key)); }
  std::optional<double> maybe_number(std::string_view key) const { return file_.number(arch_key(file_, key)); }

  // A whole number of at least 1 and within int32.
  int64_t count(std::string_view key) {
    const std::optional<int64_t> value = maybe_count(key);
    if (value && *value >= 1 && *value <= INT32_MAX) return *value;
    return wrong(key, "a whole number of at least 1", value ? std::to_string(*value) : "none"), 1;
  }
  int64_t count_or(std::string_view key, int64_t otherwise) {
    return file_.find(arch_key(file_, key)) == nullptr ? otherwise : count(key);
  }
  double positive(std::string_view key) {
    const std::optional<double> value = maybe_number(key);
    if (value && std::isfinite(*value) && *value > 0) return *value;
    return wrong(key, "a number above 0", value ? fmt::format("{}", *value) : "none"), 1;
  }
  double positive_or(std::string_view key, double otherwise) {
    return file_.find(arch_key(file_, key)) == nullptr ? otherwise : positive(key);
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  void wrong(std::string_view key, std::string_view expected, std::string_view found) {
    if (error_) return;
    const std::string name = arch_key(file_, key);
    error_ = fail(ErrorCode::invalid_model, name, "{}: key {} must be {}, found {}", file_.path, name, expected, found);
  }

  const GgufFile& file_;
  std::optional<Error> error_;
};

Result<std::vector<double>> factors(const GgufFile& file, const GgufTensor& tensor) {
  if (tensor.type != format::GgmlType::F32 || tensor.shape.size() != 1 || tensor.shape[0] == 0) {
    return fail(ErrorCode::invalid_model, tensor.name, "{}: tensor {} must be a row of F32, found {} {}", file.path,
                tensor.name, to_string(tensor.type), format::to_string(tensor.shape));
  }
  std::vector<float> values(static_cast<size_t>(tensor.shape[0]));
  format::to_f32(format::DType::f32, tensor.bytes.data(), values.size(), values.data());
  for (const float value : values) {
    if (!(value > 0) || !std::isfinite(value)) {
      return fail(ErrorCode::invalid_model, tensor.name, "{}: tensor {} must hold numbers above 0, found {}", file.path,
                  tensor.name, value);
    }
  }
  return std::vector<double>(values.begin(), values.end());
}

// Llama 3's scaling, of which GGUF keeps only the result: for the pair i with wavelength w, the frequency is divided by
//   1                                   where original / w > high
//   factor                              where original / w < low
//   1 / ((1 - s) / factor + s)          between, s = (original / w - low) / (high - low)
struct Llama3Scaling {
  double factor;
  double low;
  double high;
  double original;

  double divisor(double wavelength) const {
    const double turns = original / wavelength;
    if (turns > high) return 1;
    if (turns < low) return factor;
    const double share = (turns - low) / (high - low);
    return 1 / ((1 - share) / factor + share);
  }
};

// The published parameters that give `divisors`: those of Llama 3.1 and 3.2 but for the factor, which is the largest.
Result<Json> llama3_scaling(const GgufFile& file, const GgufTensor& tensor, double theta) {
  MLXS_TRY(const std::vector<double> divisors, factors(file, tensor));
  const Llama3Scaling scaling{divisors.back(), 1, 4, 8192};
  const auto pairs = static_cast<double>(divisors.size());
  for (size_t i = 0; i < divisors.size(); ++i) {
    const double wavelength = 2 * std::numbers::pi * std::pow(theta, static_cast<double>(i) / pairs);
    const double expected = scaling.divisor(wavelength);
    if (std::abs(divisors[i] - expected) <= 1e-3 * expected) continue;
    return fail(ErrorCode::unsupported_model, tensor.name,
                "{}: tensor {} is not Llama 3's rope scaling with factor {}: element {} is {}, expected {}", file.path,
                tensor.name, scaling.factor, i, divisors[i], expected);
  }
  return Json{{"rope_type", "llama3"},
              {"factor", scaling.factor},
              {"low_freq_factor", scaling.low},
              {"high_freq_factor", scaling.high},
              {"original_max_position_embeddings", static_cast<int64_t>(scaling.original)}};
}

Result<Json> longrope_scaling(const GgufFile& file, const GgufTensor& long_factors) {
  const GgufTensor* short_factors = file.find_tensor("rope_factors_short.weight");
  if (short_factors == nullptr) {
    return fail(ErrorCode::invalid_model, "rope_factors_short.weight",
                "{}: has rope_factors_long.weight but no short one", file.path);
  }
  MLXS_TRY(const std::vector<double> long_values, factors(file, long_factors));
  MLXS_TRY(const std::vector<double> short_values, factors(file, *short_factors));
  return Json{{"type", "longrope"}, {"long_factor", long_values}, {"short_factor", short_values}};
}

// `rope_scaling`, or null for none.
Result<Json> rope_scaling(const GgufFile& file, Keys& keys, double theta) {
  if (const GgufTensor* tensor = file.find_tensor("rope_freqs.weight")) return llama3_scaling(file, *tensor, theta);
  if (const GgufTensor* tensor = file.find_tensor("rope_factors_long.weight")) return longrope_scaling(file, *tensor);
  const std::string_view type = file.string(arch_key(file, "rope.scaling.type")).value_or("none");
  if (type == "none") return Json();
  if (type == "linear") {
    return Json{{"rope_type", "linear"}, {"type", "linear"}, {"factor", keys.positive("rope.scaling.factor")}};
  }
  if (type == "yarn") {
    return Json{{"rope_type", "yarn"},
                {"type", "yarn"},
                {"factor", keys.positive("rope.scaling.factor")},
                {"original_max_position_embeddings", keys.count("rope.scaling.original_context_length")}};
  }
  const std::string key = arch_key(file, "rope.scaling.type");
  return fail(ErrorCode::unsupported_model, key, "{}: key {} must be none, linear or yarn, found {}", file.path, key,
              type);
}

void add_llama(const GgufFile& file, Keys&, Json& config) {
  config["attention_bias"] = file.find_tensor("blk.0.attn_q.bias") != nullptr;
  config["mlp_bias"] = file.find_tensor("blk.0.ffn_up.bias") != nullptr;
}

void add_qwen2(const GgufFile&, Keys&, Json& config) { config["use_sliding_window"] = false; }

void add_qwen3(const GgufFile&, Keys&, Json& config) {
  config["attention_bias"] = false;
  config["use_sliding_window"] = false;
}

void add_gemma3(const GgufFile&, Keys& keys, Json& config) {
  constexpr int64_t kLayers27B = 62;  // its queries are scaled by the width of a head of the model, not of attention
  const auto hidden = config["hidden_size"].get<int64_t>();
  const auto heads = config["num_attention_heads"].get<int64_t>();
  const bool is_27b = config["num_hidden_layers"] == kLayers27B;
  config["query_pre_attn_scalar"] = is_27b ? hidden / heads : config["head_dim"].get<int64_t>();
  config["sliding_window"] = keys.count("attention.sliding_window");
  config["sliding_window_pattern"] = keys.count_or("attention.sliding_window_pattern", 6);
  config["rope_local_base_freq"] = keys.positive_or("rope.freq_base_swa", 10000);
  config["hidden_activation"] = "gelu_pytorch_tanh";
  config["attention_bias"] = false;
}

void add_phi3(const GgufFile&, Keys& keys, Json& config) {
  const auto head_dim = config["hidden_size"].get<int64_t>() / config["num_attention_heads"].get<int64_t>();
  const int64_t rotated = keys.count_or("rope.dimension_count", head_dim);
  config["partial_rotary_factor"] = static_cast<double>(rotated) / static_cast<double>(head_dim);
  config["original_max_position_embeddings"] =
      keys.count_or("rope.scaling.original_context_length", config["max_position_embeddings"].get<int64_t>());
  if (keys.maybe_count("attention.sliding_window").value_or(0) > 0) {
    config["sliding_window"] = keys.count("attention.sliding_window");
  }
  config.erase("head_dim");  // Phi-3 has it from the other two
}

struct Family {
  std::string_view architecture;  // general.architecture
  const char* model_type;
  const char* class_name;
  double theta;  // where the file has none
  void (*add)(const GgufFile& file, Keys& keys, Json& config);
};

constexpr Family kFamilies[] = {
    {"llama", "llama", "LlamaForCausalLM", 10000, add_llama},
    {"qwen2", "qwen2", "Qwen2ForCausalLM", 10000, add_qwen2},
    {"qwen3", "qwen3", "Qwen3ForCausalLM", 10000, add_qwen3},
    {"gemma3", "gemma3_text", "Gemma3ForCausalLM", 1'000'000, add_gemma3},
    {"phi3", "phi3", "Phi3ForCausalLM", 10000, add_phi3},
};

Result<const Family*> family_of(const GgufFile& file) {
  const std::string_view architecture = file.string("general.architecture").value_or("");
  std::string known;
  for (const Family& family : kFamilies) {
    if (family.architecture == architecture) return &family;
    known += (known.empty() ? "" : ", ") + std::string(family.architecture);
  }
  return fail(ErrorCode::unsupported_model, "general.architecture",
              "{}: general.architecture must be one of {} to be converted, found {}", file.path, known,
              architecture.empty() ? "none" : architecture);
}

Result<void> check_convertible(const GgufFile& file, const Keys& keys) {
  if (const int64_t parts = file.integer("split.count").value_or(0); parts > 1) {
    return fail(ErrorCode::unsupported_model, "split.count",
                "{}: is one of {} parts; join them first with llama-gguf-split --merge", file.path, parts);
  }
  if (const int64_t experts = keys.maybe_count("expert_count").value_or(0); experts > 0) {
    return fail(ErrorCode::unsupported_model, arch_key(file, "expert_count"),
                "{}: models with experts are not converted, found {} experts", file.path, experts);
  }
  if (file.find_tensor("token_embd.weight") == nullptr || file.find_tensor("token_embd.weight")->shape.size() != 2) {
    return fail(ErrorCode::invalid_model, "token_embd.weight", "{}: needs a matrix token_embd.weight", file.path);
  }
  return {};
}

void add_token_ids(const GgufFile& file, Json& config) {
  const std::pair<const char*, const char*> ids[] = {{"bos_token_id", "tokenizer.ggml.bos_token_id"},
                                                     {"eos_token_id", "tokenizer.ggml.eos_token_id"},
                                                     {"pad_token_id", "tokenizer.ggml.padding_token_id"}};
  for (const auto& [name, key] : ids) {
    if (const std::optional<int64_t> id = file.integer(key)) config[name] = *id;
  }
}

}  // namespace

std::string arch_key(const GgufFile& file, std::string_view key) {
  return fmt::format("{}.{}", file.string("general.architecture").value_or(""), key);
}

Result<Json> config_from_gguf(const GgufFile& file) {
  MLXS_TRY(const Family* family, family_of(file));
  Keys keys(file);
  MLXS_CHECKED(check_convertible(file, keys));
  Json config;
  config["architectures"] = Json::array({family->class_name});
  config["model_type"] = family->model_type;
  config["hidden_size"] = keys.count("embedding_length");
  config["intermediate_size"] = keys.count("feed_forward_length");
  config["num_hidden_layers"] = keys.count("block_count");
  const int64_t heads = keys.count("attention.head_count");
  config["num_attention_heads"] = heads;
  config["num_key_value_heads"] = keys.count_or("attention.head_count_kv", heads);
  config["head_dim"] = keys.count_or("attention.key_length", config["hidden_size"].get<int64_t>() / heads);
  config["rms_norm_eps"] = keys.positive("attention.layer_norm_rms_epsilon");
  config["vocab_size"] = file.find_tensor("token_embd.weight")->shape[0];
  config["max_position_embeddings"] = keys.count("context_length");
  const double theta = keys.positive_or("rope.freq_base", family->theta);
  config["rope_theta"] = theta;
  MLXS_TRY(Json scaling, rope_scaling(file, keys, theta));
  if (!scaling.is_null()) config["rope_scaling"] = std::move(scaling);
  config["hidden_act"] = "silu";
  config["tie_word_embeddings"] = file.find_tensor("output.weight") == nullptr;
  add_token_ids(file, config);
  family->add(file, keys, config);
  if (config.contains("hidden_activation")) config.erase("hidden_act");
  if (keys.error()) return *keys.error();
  return config;
}

Json generation_config_from_gguf(const GgufFile& file) {
  Json config;
  if (const std::optional<int64_t> id = file.integer("tokenizer.ggml.bos_token_id")) config["bos_token_id"] = *id;
  std::set<int64_t> ends;
  for (const char* key :
       {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    if (const std::optional<int64_t> id = file.integer(key)) ends.insert(*id);
  }
  if (ends.size() == 1) config["eos_token_id"] = *ends.begin();
  if (ends.size() > 1) config["eos_token_id"] = std::vector<int64_t>(ends.begin(), ends.end());
  if (const std::optional<int64_t> id = file.integer("tokenizer.ggml.padding_token_id")) config["pad_token_id"] = *id;
  return config;
}

}  // namespace mlxserving::hub
