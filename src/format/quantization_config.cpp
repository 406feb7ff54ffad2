#include "format/quantization_config.h"

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "format/quantization.h"

namespace mlxserving::format {
namespace {

constexpr size_t kLayersMax = size_t{1} << 17;  // of per-layer entries

QuantMode read_mode(const JsonFields& block) {
  const std::string name = block.text("mode", "affine");
  if (const auto mode = quant_mode_from_name(name)) return *mode;
  block.fault("mode", "must be one of affine, mxfp4, mxfp8, nvfp4, got " + name);
  return QuantMode::affine;
}

// A missing `mode` means affine, in a layer's entry too and whatever the global one says: files with mxfp4 experts and
// affine layers elsewhere rely on it.
QuantSpec read_spec(const JsonFields& block) {
  QuantSpec spec = default_spec(read_mode(block));
  spec.bits = static_cast<int>(block.integer("bits", {1, 32}, spec.bits));
  spec.group_size = static_cast<int>(block.integer("group_size", {1, 1 << 20}, spec.group_size));
  if (block.boolean("quantize_input", false)) {
    block.fault("quantize_input", "must be false, got true: quantised activations are not supported",
                ErrorCode::unsupported_model);
  }
  if (const auto valid = validate(spec, block.name("bits")); !valid) {
    block.fault("bits", "and group_size do not fit the mode: " + valid.error().message);
  }
  return spec;
}

bool is_global_key(std::string_view key) { return key == "bits" || key == "group_size" || key == "mode"; }

QuantConfig read_block(const Json& block_json, const std::string& name, FieldFaults& faults) {
  const JsonFields block(block_json, name + ".", faults);
  QuantConfig out;
  if (!block.has("bits") && read_mode(block) == QuantMode::affine) block.fault("bits", "is missing");
  if (!block.has("group_size") && read_mode(block) == QuantMode::affine) block.fault("group_size", "is missing");
  if (block_json.size() > kLayersMax) {
    faults.add(ErrorCode::resource_exhausted, name,
               fmt::format("must have at most {} entries, got {}", kLayersMax, block_json.size()));
    return out;
  }
  out.all = read_spec(block);
  for (const auto& [key, value] : block_json.items()) {
    if (is_global_key(key)) continue;
    if (value.is_object()) {
      out.layers[key] = read_spec(JsonFields(value, fmt::format("{}.{}.", name, key), faults));
    } else if (value.is_boolean()) {
      out.layers[key] = value.get<bool>() ? out.all : std::nullopt;
    }
  }
  return out;
}

// Blocks of other toolkits, which Hugging Face files carry under quantization_config.
QuantConfig read_method(const JsonFields& block, const std::string& method) {
  QuantConfig out;
  if (method == "mxfp4") {
    out.all = default_spec(QuantMode::mxfp4);
  } else if (method == "mxfp8") {
    out.all = default_spec(QuantMode::mxfp8);
  } else {
    block.fault("quant_method",
                fmt::format("may be mxfp4 or mxfp8, got {}: convert the model to the MLX format first", method),
                ErrorCode::unsupported_model);
  }
  return out;
}

}  // namespace

QuantConfig read_quantization(const Json& top_json, const JsonFields& top, const JsonFields& text,
                              FieldFaults& faults) {
  if (top.boolean("quantize_activations", false)) {
    top.fault("quantize_activations", "must be false, got true: quantised activations are not supported",
              ErrorCode::unsupported_model);
  }
  if (top_json.contains("quantization") && top.has("quantization")) {
    const Json* block = top.object("quantization");
    return block == nullptr ? QuantConfig{} : read_block(*block, top.name("quantization"), faults);
  }
  const JsonFields& holder = top.has("quantization_config") ? top : text;
  const Json* block = holder.object("quantization_config");
  if (block == nullptr) return {};
  const std::string name = holder.name("quantization_config");
  const JsonFields fields(*block, name + ".", faults);
  const std::string method = fields.text("quant_method", "");
  // MLX's writers store their own block under both names, without a method.
  return method.empty() ? read_block(*block, name, faults) : read_method(fields, method);
}

}  // namespace mlxserving::format
