#include "hub/inspect.h"

#include <filesystem>
#include <optional>

#include "core/result.h"
#include "format/gguf.h"
#include "format/model_config.h"
#include "format/model_weights.h"
#include "format/quantization.h"
#include "format/safetensors.h"
#include "hub/gguf_config.h"
#include "hub/gguf_tokenizer.h"

namespace mlxserving::hub {

namespace fs = std::filesystem;

namespace {

using format::ModelWeights;
using format::QuantSpec;
using format::Tensor;

constexpr size_t kArrayShown = 8;  // longer arrays of metadata are shown as their length

void add(Inspection& inspection, InspectedTensor tensor) {
  PackingTotal& total = inspection.packings[tensor.packing];
  ++total.tensors;
  const auto elements = static_cast<uint64_t>(format::element_count(tensor.shape));
  total.elements += elements;
  total.bytes += tensor.bytes;
  inspection.parameters += elements;
  inspection.bytes += tensor.bytes;
  inspection.tensors.push_back(std::move(tensor));
}

std::string in_words(const QuantSpec& spec) {
  return fmt::format("{} {} bits by {}", to_string(spec.mode), spec.bits, spec.group_size);
}

// How config.json says a module is packed; nothing when it does not.
std::optional<QuantSpec> spec_of(const format::QuantConfig& config, const std::string& module) {
  const auto layer = config.layers.find(module);
  return layer == config.layers.end() ? config.all : layer->second;
}

// A packed weight with its scales and biases as one tensor of values.
InspectedTensor packed_tensor(const ModelWeights& weights, const Tensor& weight, const format::QuantConfig& config,
                              std::vector<std::string>& problems) {
  const std::string module = weight.name.substr(0, weight.name.rfind('.'));
  const Tensor* scales = weights.find(module + ".scales");
  const Tensor* biases = weights.find(module + ".biases");
  InspectedTensor tensor{weight.name, "packed, unknown", weight.shape, weight.bytes.size() + scales->bytes.size()};
  if (biases != nullptr) tensor.bytes += biases->bytes.size();
  const std::optional<QuantSpec> spec = spec_of(config, module);
  if (!spec) {
    problems.push_back(fmt::format("{} has scales, but config.json does not say how it is packed", module));
    return tensor;
  }
  tensor.packing = in_words(*spec);
  tensor.shape.back() = weight.shape.back() * 32 / spec->bits;
  if (!format::fits(*spec, tensor.shape) || scales_shape(*spec, tensor.shape) != scales->shape) {
    problems.push_back(fmt::format("{}: weight {} and scales {} do not fit {}", module, format::to_string(weight.shape),
                                   format::to_string(scales->shape), tensor.packing));
  }
  return tensor;
}

bool is_packed(const ModelWeights& weights, const std::string& name, std::string_view end) {
  if (!name.ends_with(end)) return false;
  const std::string module = name.substr(0, name.size() - end.size());
  const Tensor* weight = weights.find(module + ".weight");
  return weight != nullptr && weight->dtype == format::DType::u32 && !weight->shape.empty() &&
         weights.find(module + ".scales") != nullptr;
}

void add_weights(Inspection& inspection, const ModelWeights& weights, const format::QuantConfig& config) {
  for (const auto& [name, tensor] : weights.tensors) {
    if (is_packed(weights, name, ".scales") || is_packed(weights, name, ".biases")) continue;
    if (is_packed(weights, name, ".weight")) {
      add(inspection, packed_tensor(weights, tensor, config, inspection.problems));
    } else {
      add(inspection, {name, std::string(safetensors_name(tensor.dtype)), tensor.shape, tensor.bytes.size()});
    }
  }
}

Result<Inspection> inspect_directory(const std::string& path) {
  Inspection inspection;
  inspection.kind = "MLX model directory";
  format::QuantConfig quantization;
  if (const auto config = format::read_model_config(path)) {
    inspection.architecture = config->model_type;
    quantization = config->quantization;
  } else {
    inspection.problems.push_back(config.error().message);
  }
  if (const auto weights = format::open_model_weights(path)) {
    inspection.files = weights->files;
    add_weights(inspection, *weights, quantization);
  } else {
    inspection.problems.push_back(weights.error().message);
  }
  std::error_code ec;
  const auto has = [&](const char* name) { return fs::exists(fs::path(path) / name, ec); };
  if (!has("tokenizer.json") && !has("tokenizer.model")) {
    inspection.problems.emplace_back("no tokenizer: expected tokenizer.json or tokenizer.model");
  }
  return inspection;
}

Json value_json(const format::GgufValue& value) {
  if (const auto* array = std::get_if<format::GgufArray>(&value)) {
    if (array->count > kArrayShown) return fmt::format("[{} elements]", array->count);
    Json elements = Json::array();
    const bool is_text = array->type == format::GgufValueType::string;
    for (size_t i = 0; i < array->count; ++i) {
      elements.push_back(is_text ? Json(array->strings[i]) : Json(array->number(i)));
    }
    return elements;
  }
  return std::visit(
      [](const auto& plain) -> Json {
        if constexpr (std::is_same_v<std::decay_t<decltype(plain)>, format::GgufArray>) {
          return nullptr;
        } else {
          return plain;
        }
      },
      value);
}

Result<Inspection> inspect_gguf(const std::string& path) {
  MLXS_TRY(const format::GgufFile file, format::open_gguf(path));
  Inspection inspection;
  inspection.kind = fmt::format("GGUF file, version {}", file.version);
  inspection.architecture = file.string("general.architecture").value_or("");
  inspection.files = {path};
  for (const auto& [key, value] : file.metadata) {
    const bool is_real = std::holds_alternative<float>(value);
    inspection.metadata[key] = is_real ? Json(file.number(key).value_or(0)) : value_json(value);
  }
  for (const format::GgufTensor& tensor : file.tensors) {
    add(inspection, {tensor.name, std::string(to_string(tensor.type)), tensor.shape, tensor.bytes.size()});
    if (!can_dequantize(tensor.type)) {
      inspection.problems.push_back(
          fmt::format("{}: type {} cannot be converted", tensor.name, to_string(tensor.type)));
    }
  }
  if (const auto config = config_from_gguf(file); !config) inspection.problems.push_back(config.error().message);
  if (const auto tokenizer = tokenizer_from_gguf(file); !tokenizer) {
    inspection.problems.push_back(tokenizer.error().message);
  }
  return inspection;
}

Result<Inspection> inspect_safetensors(const std::string& path) {
  MLXS_TRY(const format::SafetensorsFile file, format::open_safetensors(path));
  Inspection inspection;
  inspection.kind = "safetensors file";
  inspection.files = {path};
  for (const auto& [key, value] : file.metadata) inspection.metadata[key] = value;
  for (const Tensor& tensor : file.tensors) {
    add(inspection, {tensor.name, std::string(safetensors_name(tensor.dtype)), tensor.shape, tensor.bytes.size()});
  }
  return inspection;
}

}  // namespace

Result<Inspection> inspect(const std::string& path) {
  std::error_code ec;
  if (fs::is_directory(path, ec)) return inspect_directory(path);
  if (path.ends_with(".gguf")) return inspect_gguf(path);
  if (path.ends_with(".safetensors")) return inspect_safetensors(path);
  if (!fs::exists(path, ec)) return fail(ErrorCode::not_found, path, "{}: no such file or directory", path);
  return fail(ErrorCode::invalid_request, path, "{}: expected a model directory, a .gguf or a .safetensors file", path);
}

}  // namespace mlxserving::hub
