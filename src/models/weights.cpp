#include "models/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "core/result.h"
#include "format/quantization.h"

namespace mlxserving::models {
namespace {

using format::QuantSpec;
using format::Shape;
using format::Tensor;

struct Prefix {
  std::string_view in_file;
  std::string_view as_text_model;
};

// How multimodal checkpoints name their text part: mlx-vlm's and transformers' older names, transformers' newer one.
constexpr Prefix kTextPrefixes[] = {
    {"language_model.model.", "model."},
    {"language_model.lm_head.", "lm_head."},
    {"model.language_model.", "model."},
};
constexpr std::array kOtherTowers = {"vision_tower", "vision_model",          "audio_tower",   "embed_vision",
                                     "embed_audio",  "multi_modal_projector", "image_newline", "multimodal_projector"};

std::string as_text_model(const std::string& name) {
  for (const Prefix& prefix : kTextPrefixes) {
    if (name.starts_with(prefix.in_file)) {
      return std::string(prefix.as_text_model) + name.substr(prefix.in_file.size());
    }
  }
  return name;
}

bool is_dropped(const std::string& name, const format::ModelConfig& config) {
  const auto contains = [&](std::string_view part) { return name.find(part) != std::string::npos; };
  if (contains("rotary_emb.inv_freq") || name.starts_with("mtp.")) return true;
  if (config.tie_word_embeddings.value_or(false) && name.starts_with("lm_head.")) return true;
  return config.is_text_of_multimodal && std::ranges::any_of(kOtherTowers, contains);
}

// Moves the kept tensors to their new names. A clash keeps the old name, which nobody will ask for: an extra tensor.
void sanitize(format::ModelWeights& files, const format::ModelConfig& config) {
  decltype(files.tensors) kept;
  decltype(files.shard_of) shard_of;
  for (auto& [old_name, tensor] : files.tensors) {
    std::string name = config.is_text_of_multimodal ? as_text_model(old_name) : old_name;
    if (is_dropped(name, config)) continue;
    if (kept.contains(name)) name = old_name;
    shard_of[name] = files.shard_of[old_name];
    kept[name] = std::move(tensor);
  }
  files.tensors = std::move(kept);
  files.shard_of = std::move(shard_of);
}

std::string described(const QuantSpec& spec) {
  return fmt::format("{} {} bits by {}", format::to_string(spec.mode), spec.bits, spec.group_size);
}

std::string described(const Tensor& tensor) {
  return fmt::format("{} {}", format::safetensors_name(tensor.dtype), format::to_string(tensor.shape));
}

// What the shapes say of their packing, for the error of a quantization block that contradicts them.
std::string implied_packing(const Tensor& weight, const Tensor* scales, int64_t in) {
  if (weight.shape.size() != 2 || scales == nullptr || scales->shape.size() != 2 || scales->shape[1] == 0) return "";
  return fmt::format("; these shapes mean {} bits by {}", weight.shape[1] * 32 / in, in / scales->shape[1]);
}

bool are_scales(format::DType dtype, const QuantSpec& spec) {
  if (spec.mode == format::QuantMode::affine) return format::is_float(dtype);
  return dtype == format::DType::u8 || dtype == format::DType::f8_e4m3 || dtype == format::DType::f8_e8m0;
}

// Rows [begin, begin + count) of a tensor, in place.
Tensor rows_of(const Tensor& tensor, int64_t begin, int64_t count) {
  Tensor out = tensor;
  const size_t row_bytes = tensor.shape[0] == 0 ? 0 : tensor.bytes.size() / static_cast<size_t>(tensor.shape[0]);
  out.shape[0] = count;
  out.bytes = tensor.bytes.subspan(static_cast<size_t>(begin) * row_bytes, static_cast<size_t>(count) * row_bytes);
  return out;
}

std::optional<Tensor> rows_of(const std::optional<Tensor>& tensor, int64_t begin, int64_t count) {
  if (!tensor) return std::nullopt;
  return rows_of(*tensor, begin, count);
}

}  // namespace

Weights::Weights(format::ModelWeights files, const format::ModelConfig& config, nn::Ops& ops)
    : files_(std::move(files)), config_(config), ops_(ops) {
  sanitize(files_, config);
  for (const auto& [path, spec] : config.quantization.layers) {
    layer_quantization_[config.is_text_of_multimodal ? as_text_model(path + ".") : path + "."] = spec;
  }
}

nn::Linear Weights::linear(const std::string& path, int64_t in, int64_t out, Bias bias) {
  const auto tensors = linear_tensors(path, in, out, bias);
  if (!tensors || first_fault_) return nullptr;
  return ops_.make_linear(*tensors);
}

std::vector<nn::Linear> Weights::fused_linear(const std::string& path, int64_t in,
                                              std::initializer_list<int64_t> outs) {
  std::vector<nn::Linear> parts(outs.size());
  const auto whole = linear_tensors(path, in, std::accumulate(outs.begin(), outs.end(), int64_t{0}), Bias::absent);
  if (!whole || first_fault_) return parts;
  int64_t begin = 0;
  auto part = parts.begin();
  for (const int64_t out : outs) {
    *part++ = ops_.make_linear({.weight = rows_of(whole->weight, begin, out),
                                .quantization = whole->quantization,
                                .scales = rows_of(whole->scales, begin, out),
                                .biases = rows_of(whole->biases, begin, out),
                                .bias = std::nullopt});
    begin += out;
  }
  return parts;
}

nn::Norm Weights::norm(const std::string& path, int64_t width, float weight_offset) {
  const auto weight = take_float(path + ".weight", {width});
  if (!weight || first_fault_) return nullptr;
  return ops_.make_norm(*weight, static_cast<float>(config_.rms_norm_eps), weight_offset);
}

int64_t Weights::bytes_of(const std::string& path) const {
  int64_t bytes = 0;
  for (const std::string_view part : {".weight", ".scales", ".biases", ".bias"}) {
    if (const auto it = files_.tensors.find(path + std::string(part)); it != files_.tensors.end()) {
      bytes += static_cast<int64_t>(it->second.bytes.size());
    }
  }
  return bytes;
}

Result<void> Weights::finish() const {
  if (first_fault_) {
    Error error = *first_fault_;
    if (faults_ > 1) error.message += fmt::format(" (and {} more such tensors)", faults_ - 1);
    return error;
  }
  std::vector<std::string_view> extra;
  for (const auto& [name, tensor] : files_.tensors) {
    if (!taken_.contains(name)) extra.push_back(name);
  }
  if (extra.empty()) return {};
  const std::string first(extra[0]);
  std::string more = extra.size() > 1 ? fmt::format(" (and {} more such tensors)", extra.size() - 1) : "";
  return fail(ErrorCode::invalid_model, first, "{}: tensor {}: expected none, for {} has no such layer, found {}{}",
              place_of(first), first, config_.model_type, described(files_.tensors.at(first)), more);
}

const Tensor* Weights::take(const std::string& name) {
  taken_.insert(name);
  const Tensor* tensor = files_.find(name);
  if (tensor != nullptr) bytes_ += static_cast<int64_t>(tensor->bytes.size());
  return tensor;
}

std::optional<Tensor> Weights::take_float(const std::string& name, const Shape& shape) {
  const Tensor* tensor = take(name);
  if (tensor != nullptr && format::is_float(tensor->dtype) && tensor->shape == shape) {
    parameters_ += format::element_count(shape);
    return *tensor;
  }
  fault(name, fmt::format("expected F32, F16 or BF16 {}, found {}", format::to_string(shape),
                          tensor == nullptr ? "none" : described(*tensor)));
  return std::nullopt;
}

// As mlx-lm decides: an entry of its own wins, else having scales makes a layer packed.
std::optional<QuantSpec> Weights::quantization_of(const std::string& path) {
  if (const auto own = layer_quantization_.find(path + "."); own != layer_quantization_.end()) return own->second;
  const std::string scales = path + ".scales";
  if (!has(scales)) return std::nullopt;
  if (!config_.quantization.all) {
    fault(scales,
          "expected none, for config.json has no quantization block, found " + described(files_.tensors.at(scales)));
  }
  return config_.quantization.all;
}

std::optional<nn::LinearTensors> Weights::linear_tensors(const std::string& path, int64_t in, int64_t out, Bias bias) {
  const std::optional<QuantSpec> spec = quantization_of(path);
  std::optional<nn::LinearTensors> tensors;
  if (spec) {
    tensors = packed_tensors(path, *spec, in, out);
  } else if (const auto weight = take_float(path + ".weight", {out, in})) {
    tensors = nn::LinearTensors{.weight = *weight, .quantization = {}, .scales = {}, .biases = {}, .bias = {}};
  }
  if (bias == Bias::absent) return tensors;
  const auto added = take_float(path + ".bias", {out});
  if (tensors) tensors->bias = added;
  return tensors;
}

std::optional<nn::LinearTensors> Weights::packed_tensors(const std::string& path, const QuantSpec& spec, int64_t in,
                                                         int64_t out) {
  const std::string names[] = {path + ".weight", path + ".scales", path + ".biases"};
  const Shape dense = {out, in};
  if (!format::fits(spec, dense)) {
    fault(names[0], fmt::format("expected a width that is a multiple of the group size, for config.json says {}, found "
                                "{}",
                                described(spec), in));
    return std::nullopt;
  }
  const Tensor* weight = take(names[0]);
  const Tensor* scales = take(names[1]);
  const Tensor* biases = format::has_biases(spec) ? take(names[2]) : nullptr;
  const Shape packed = format::packed_shape(spec, dense);
  const Shape per_group = format::scales_shape(spec, dense);
  const auto wrong = [&](const std::string& name, std::string_view dtype, const Shape& shape, const Tensor* found) {
    fault(name, fmt::format("expected {} {}, for config.json says {}, found {}{}", dtype, format::to_string(shape),
                            described(spec), found == nullptr ? "none" : described(*found),
                            weight == nullptr ? "" : implied_packing(*weight, scales, in)));
    return std::nullopt;
  };
  if (weight == nullptr || weight->dtype != format::DType::u32 || weight->shape != packed) {
    return wrong(names[0], "U32", packed, weight);
  }
  if (scales == nullptr || !are_scales(scales->dtype, spec) || scales->shape != per_group) {
    return wrong(names[1], format::has_biases(spec) ? "F32, F16 or BF16" : "U8", per_group, scales);
  }
  if (format::has_biases(spec) && (biases == nullptr || biases->dtype != scales->dtype || biases->shape != per_group)) {
    return wrong(names[2], format::safetensors_name(scales->dtype), per_group, biases);
  }
  parameters_ += out * in;
  nn::LinearTensors tensors{.weight = *weight, .quantization = spec, .scales = *scales, .biases = {}, .bias = {}};
  if (biases != nullptr) tensors.biases = *biases;
  return tensors;
}

void Weights::fault(const std::string& tensor, const std::string& text) {
  ++faults_;
  if (first_fault_) return;
  first_fault_ = fail(ErrorCode::invalid_model, tensor, "{}: tensor {}: {}", place_of(tensor), tensor, text);
}

// The shard that has the tensor; of one that is nowhere, where it was looked for.
std::string Weights::place_of(const std::string& tensor) const {
  if (const auto shard = files_.shard_of.find(tensor); shard != files_.shard_of.end()) {
    return files_.directory + "/" + shard->second;
  }
  return files_.files.size() == 1 ? files_.files[0]
                                  : fmt::format("{} ({} safetensors files)", files_.directory, files_.files.size());
}

}  // namespace mlxserving::models
