#include "hub/quantize_plan.h"

#include <algorithm>
#include <cctype>

#include "core/result.h"
#include "format/json_fields.h"

namespace mlxserving::hub {
namespace {

using format::ModelWeights;
using format::QuantMode;
using format::QuantSpec;
using format::Tensor;

constexpr std::string_view kWeight = ".weight";

struct Recipe {
  std::string_view name;
  int low_bits;
  int high_bits;
};

constexpr Recipe kRecipes[] = {{"mixed_2_6", 2, 6}, {"mixed_3_4", 3, 4}, {"mixed_3_6", 3, 6}, {"mixed_4_6", 4, 6}};

// Whether `path` matches `pattern`, in which * stands for any characters.
bool matches(std::string_view pattern, std::string_view path) {
  size_t p = 0;
  size_t i = 0;
  size_t star = std::string_view::npos;
  size_t resume = 0;
  while (i < path.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = i;
    } else if (p < pattern.size() && pattern[p] == path[i]) {
      ++p;
      ++i;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      i = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

// The number in a path's first all-digit part: its layer. 0 outside of layers, as in mlx-lm.
int64_t layer_of(std::string_view path) {
  for (size_t begin = 0; begin < path.size();) {
    const size_t end = std::min(path.find('.', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    const bool digits = std::all_of(part.begin(), part.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
    if (digits && !part.empty() && part.size() < 10) return std::stoll(std::string(part));
    begin = end + 1;
  }
  return 0;
}

// mlx-lm's mixed recipes: more bits for lm_head everywhere, and for v_proj and down_proj in the first eighth of the
// layers, the last, and every third between.
int recipe_bits(const Recipe& recipe, std::string_view path, int64_t layers) {
  const int64_t layer = layer_of(path);
  const bool sensitive = layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
  const auto has = [&](std::string_view part) { return path.find(part) != std::string_view::npos; };
  const bool high =
      has("lm_head") || (sensitive && (has("v_proj") || has("v_a_proj") || has("v_b_proj") || has("down_proj")));
  return high ? recipe.high_bits : recipe.low_bits;
}

Result<const Recipe*> recipe_named(const std::string& name) {
  if (name.empty()) return nullptr;
  for (const Recipe& recipe : kRecipes) {
    if (recipe.name == name) return &recipe;
  }
  return fail(ErrorCode::invalid_request, "recipe",
              "recipe must be mixed_2_6, mixed_3_4, mixed_3_6 or mixed_4_6, got {}", name);
}

// How the model says `module` is packed.
Result<QuantSpec> spec_in_config(const Json& config, const std::string& module) {
  const char* key = config.contains("quantization") ? "quantization" : "quantization_config";
  if (!config.contains(key) || !config[key].is_object()) {
    return fail(ErrorCode::invalid_model, module, "{} has scales, but config.json no quantization", module);
  }
  const Json& block = config[key].contains(module) ? config[key][module] : config[key];
  try {
    const auto mode = format::quant_mode_from_name(block.value("mode", "affine"));
    if (!mode) return fail(ErrorCode::unsupported_model, module, "{}: mode {} is not known", module, to_text(block));
    const QuantSpec defaults = format::default_spec(*mode);
    const QuantSpec spec{*mode, block.value("bits", defaults.bits), block.value("group_size", defaults.group_size)};
    MLXS_CHECKED(format::validate(spec, module));
    return spec;
  } catch (const Json::exception&) {
    return fail(ErrorCode::invalid_model, module, "{}: quantization must have numbers bits and group_size, found {}",
                module, to_text(block));
  }
}

class Planner {
 public:
  Planner(const ModelWeights& weights, const Json& config, const QuantizeOptions& options, const Recipe* recipe)
      : weights_(weights), config_(config), options_(options), recipe_(recipe) {}

  Result<QuantizePlan> plan() {
    format::FieldFaults faults("config.json");
    const format::JsonFields fields(config_, "", faults);
    layers_ = fields.integer("num_hidden_layers", {0, INT32_MAX}, int64_t{0});
    const bool files_decide = fields.text("model_type", "").starts_with("gemma3");  // see format/model_config.cpp
    is_tied_ = fields.boolean("tie_word_embeddings", false) && !files_decide;
    if (faults.first()) return *faults.first();
    for (const auto& [name, tensor] : weights_.tensors) {
      if (is_dropped(name) || belongs_to_packed(name)) continue;
      MLXS_CHECKED(add(tensor));
    }
    return std::move(plan_);
  }

 private:
  // What mlx-lm's models drop as well.
  bool is_dropped(const std::string& name) const {
    return name.ends_with("rotary_emb.inv_freq") || (is_tied_ && name.starts_with("lm_head."));
  }

  // Scales and biases go with their weight.
  bool belongs_to_packed(const std::string& name) const {
    for (const std::string_view end : {std::string_view(".scales"), std::string_view(".biases")}) {
      if (!name.ends_with(end)) continue;
      const Tensor* weight = weights_.find(name.substr(0, name.size() - end.size()) + std::string(kWeight));
      if (weight != nullptr && weight->dtype == format::DType::u32) return true;
    }
    return false;
  }

  Result<void> add(const Tensor& tensor) {
    PlannedTensor planned{.source = &tensor, .dtype = tensor.dtype, .shape = tensor.shape};
    const bool is_matrix = tensor.name.ends_with(kWeight) && tensor.shape.size() >= 2;
    const std::string module = tensor.name.substr(0, tensor.name.size() - std::min(kWeight.size(), tensor.name.size()));
    if (is_matrix && tensor.dtype == format::DType::u32) MLXS_CHECKED(describe_packed(planned, module));
    plan_.parameters += static_cast<uint64_t>(format::element_count(planned.shape));
    const bool is_conv = tensor.shape.size() == 3 && (planned.shape[1] == 1 || planned.shape[2] == 1);
    if (is_matrix && !is_conv && format::is_float(planned.dtype)) {
      MLXS_TRY(planned.to, spec_for(module, planned.shape));
    }
    if (planned.to) plan_.quantized[module] = *planned.to;
    if (planned.from && !planned.to) return keep_packed(std::move(planned), module);
    plan_.tensors.push_back(std::move(planned));
    return {};
  }

  Result<void> describe_packed(PlannedTensor& planned, const std::string& module) {
    const Tensor& weight = *planned.source;
    planned.from_scales = weights_.find(module + ".scales");
    planned.from_biases = weights_.find(module + ".biases");
    if (planned.from_scales == nullptr) {
      return fail(ErrorCode::invalid_model, weight.name, "{} is packed, but there is no {}.scales", weight.name,
                  module);
    }
    if (!options_.requantize) {
      return fail(ErrorCode::invalid_request, weight.name,
                  "the model is quantised already ({}); take a dense one, or --requantize to go through its values",
                  module);
    }
    MLXS_TRY(planned.from, spec_in_config(config_, module));
    planned.shape.back() = weight.shape.back() * 32 / planned.from->bits;
    planned.dtype = planned.from->mode == QuantMode::affine ? planned.from_scales->dtype : format::DType::bf16;
    const bool sound = format::fits(*planned.from, planned.shape) &&
                       packed_shape(*planned.from, planned.shape) == weight.shape &&
                       scales_shape(*planned.from, planned.shape) == planned.from_scales->shape &&
                       (!has_biases(*planned.from) ||
                        (planned.from_biases != nullptr && planned.from_biases->shape == planned.from_scales->shape &&
                         planned.from_biases->dtype == planned.from_scales->dtype)) &&
                       (planned.from->mode == QuantMode::affine ? format::is_float(planned.dtype)
                                                                : size_of(planned.from_scales->dtype) == 1);
    if (sound) return {};
    return fail(ErrorCode::invalid_model, weight.name, "{} {} does not fit {} bits by {} with scales {}", weight.name,
                format::to_string(weight.shape), planned.from->bits, planned.from->group_size,
                format::to_string(planned.from_scales->shape));
  }

  // A packed matrix that no rule takes stays as it is, with its own entry.
  Result<void> keep_packed(PlannedTensor planned, const std::string& module) {
    plan_.quantized[module] = *planned.from;
    for (const Tensor* part : {planned.source, planned.from_scales, planned.from_biases}) {
      if (part != nullptr) plan_.tensors.push_back({.source = part, .dtype = part->dtype, .shape = part->shape});
    }
    return {};
  }

  Result<std::optional<QuantSpec>> spec_for(const std::string& module, const format::Shape& shape) const {
    std::optional<QuantSpec> spec = options_.spec;
    if (recipe_ != nullptr) spec->bits = recipe_bits(*recipe_, module, layers_);
    bool asked = false;
    for (const LayerRule& rule : options_.layers) {
      if (!matches(rule.pattern, module)) continue;
      spec = rule.spec;
      asked = true;
    }
    if (!spec || format::fits(*spec, shape)) return spec;
    if (!asked) return std::optional<QuantSpec>();  // as mlx-lm does: what cannot be grouped stays dense
    return fail(ErrorCode::invalid_request, module, "{}: rows of {} cannot be cut into groups of {}", module,
                shape.back(), spec->group_size);
  }

  const ModelWeights& weights_;
  const Json& config_;
  const QuantizeOptions& options_;
  const Recipe* recipe_;
  int64_t layers_ = 0;
  bool is_tied_ = false;
  QuantizePlan plan_;
};

Result<void> check_rules(const QuantizePlan& plan, const QuantizeOptions& options, const ModelWeights& weights) {
  for (const LayerRule& rule : options.layers) {
    const bool used = std::any_of(weights.tensors.begin(), weights.tensors.end(), [&](const auto& row) {
      const std::string& name = row.first;
      return name.ends_with(kWeight) && matches(rule.pattern, name.substr(0, name.size() - kWeight.size()));
    });
    if (!used) return fail(ErrorCode::invalid_request, "layer", "no layer matches '{}'", rule.pattern);
  }
  if (plan.quantized.empty()) {
    return fail(ErrorCode::invalid_request, "", "no matrix can be quantised so: none has rows of a multiple of {}",
                options.spec.group_size);
  }
  return {};
}

Result<int> number_in(std::string_view text, const std::string& rule) {
  const bool digits = !text.empty() && text.size() < 5 &&
                      std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
  if (digits) return std::stoi(std::string(text));
  return fail(ErrorCode::invalid_request, "layer", "layer rule must be PATTERN=BITS[:GROUP], =MODE or =dense, got '{}'",
              rule);
}

}  // namespace

Result<LayerRule> parse_layer_rule(const std::string& text, const QuantSpec& defaults) {
  const size_t equals = text.find('=');
  const std::string value = equals == std::string::npos ? "" : text.substr(equals + 1);
  LayerRule rule{.pattern = text.substr(0, equals), .spec = {}};
  if (rule.pattern.empty()) MLXS_CHECKED(number_in("", text));
  if (value == "dense") return rule;
  if (const auto mode = format::quant_mode_from_name(value)) {
    rule.spec = format::default_spec(*mode);
    return rule;
  }
  const size_t colon = value.find(':');
  rule.spec = QuantSpec{QuantMode::affine, 4, defaults.mode == QuantMode::affine ? defaults.group_size : 64};
  MLXS_TRY(rule.spec->bits, number_in(std::string_view(value).substr(0, colon), text));
  if (colon != std::string::npos) {
    MLXS_TRY(rule.spec->group_size, number_in(std::string_view(value).substr(colon + 1), text));
  }
  MLXS_CHECKED(format::validate(*rule.spec, "layer " + rule.pattern));
  return rule;
}

std::vector<std::string> quantize_recipes() {
  std::vector<std::string> names;
  for (const Recipe& recipe : kRecipes) names.emplace_back(recipe.name);
  return names;
}

Result<QuantizePlan> plan_quantization(const ModelWeights& weights, const Json& config,
                                       const QuantizeOptions& options) {
  MLXS_CHECKED(format::validate(options.spec, "quantize"));
  MLXS_TRY(const Recipe* recipe, recipe_named(options.recipe));
  if (recipe != nullptr && options.spec.mode != QuantMode::affine) {
    return fail(ErrorCode::invalid_request, "recipe", "a recipe needs the mode affine, got {}",
                to_string(options.spec.mode));
  }
  MLXS_TRY(QuantizePlan plan, Planner(weights, config, options, recipe).plan());
  MLXS_CHECKED(check_rules(plan, options, weights));
  return plan;
}

}  // namespace mlxserving::hub
