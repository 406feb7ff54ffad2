#include "hub/quantize.h"

#include <atomic>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "core/json.h"
#include "core/result.h"
#include "format/float_types.h"
#include "format/safetensors_writer.h"
#include "hub/quantize_plan.h"
#include "hub/quantize_rows.h"
#include "hub/staged_directory.h"

namespace mlxserving::hub {

namespace fs = std::filesystem;

namespace {

using format::DType;
using format::QuantSpec;
using format::TensorInfo;
using format::TensorSource;

std::string module_of(const std::string& weight) { return weight.substr(0, weight.rfind('.')); }

TensorSource copied_source(const PlannedTensor& planned) {
  return {{*planned.source}, [planned](std::span<const std::span<std::byte>> out) -> Result<void> {
            std::memcpy(out[0].data(), planned.source->bytes.data(), out[0].size());
            return {};
          }};
}

// Rows of the dense values, whether they are there or have to be unpacked. Unpacked values are rounded to the type they
// have in MLX.
ReadRow row_reader(const PlannedTensor& planned) {
  const auto columns = static_cast<size_t>(planned.shape.back());
  if (!planned.from) {
    return [&planned, columns](size_t row, float* out) {
      format::to_f32(planned.dtype, planned.source->bytes.data() + row * columns * size_of(planned.dtype), columns,
                     out);
    };
  }
  return [&planned, columns](size_t row, float* out) {
    const QuantSpec& spec = *planned.from;
    const DType scale_type = scale_dtype(spec, planned.dtype);
    const size_t scales_row = columns / static_cast<size_t>(spec.group_size) * size_of(scale_type);
    const std::byte* biases = has_biases(spec) ? planned.from_biases->bytes.data() + row * scales_row : nullptr;
    format::dequantize_row(spec, planned.dtype, planned.source->bytes.data() + row * packed_bytes(spec, columns),
                           planned.from_scales->bytes.data() + row * scales_row, biases, columns, out);
    std::vector<std::byte> rounded(columns * size_of(planned.dtype));
    format::from_f32(planned.dtype, out, columns, rounded.data());
    format::to_f32(planned.dtype, rounded.data(), columns, out);
  };
}

std::vector<TensorInfo> packed_infos(const PlannedTensor& planned) {
  const QuantSpec& spec = *planned.to;
  const std::string module = module_of(planned.source->name);
  const DType scale_type = scale_dtype(spec, planned.dtype);
  std::vector<TensorInfo> infos = {{planned.source->name, DType::u32, packed_shape(spec, planned.shape)},
                                   {module + ".scales", scale_type, scales_shape(spec, planned.shape)}};
  if (has_biases(spec)) infos.push_back({module + ".biases", scale_type, scales_shape(spec, planned.shape)});
  return infos;
}

TensorSource quantized_source(const PlannedTensor& planned) {
  return {packed_infos(planned), [planned](std::span<const std::span<std::byte>> out) -> Result<void> {
            const auto columns = static_cast<size_t>(planned.shape.back());
            const size_t rows = static_cast<size_t>(format::element_count(planned.shape)) / columns;
            std::atomic<bool> is_finite = true;
            const ReadRow read = row_reader(planned);
            const ReadRow checked = [&](size_t row, float* values) {
              read(row, values);
              for (size_t i = 0; i < columns; ++i) {
                if (!std::isfinite(values[i])) is_finite = false;
              }
            };
            std::byte* biases = out.size() > 2 ? out[2].data() : nullptr;
            quantize_matrix(*planned.to, planned.dtype, rows, columns, checked, {out[0].data(), out[1].data(), biases});
            if (is_finite) return {};
            return fail(ErrorCode::invalid_model, planned.source->name, "{} holds a value that is not finite",
                        planned.source->name);
          }};
}

// What stands beside weights and config in a model directory and belongs to the model.
bool is_companion(const fs::path& file) {
  const std::string name = file.filename().string();
  if (name == "config.json" || name.ends_with(".safetensors.index.json") || name.starts_with(".")) return false;
  for (const std::string_view end : {".json", ".jinja", ".model", ".tiktoken", ".txt", ".jsonl", ".py"}) {
    if (name.ends_with(end)) return true;
  }
  return false;
}

Result<void> copy_companions(const std::string& directory, const StagedDirectory& out) {
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(directory, ec)) {
    if (entry.is_regular_file(ec) && is_companion(entry.path())) MLXS_CHECKED(out.copy(entry.path().string()));
  }
  return {};
}

// The block as mlx-lm writes it: what was asked for, and each layer that has something else.
Json block_of(const QuantizePlan& plan, const QuantizeOptions& options) {
  Json block = {
      {"group_size", options.spec.group_size}, {"bits", options.spec.bits}, {"mode", to_string(options.spec.mode)}};
  for (const auto& [module, spec] : plan.quantized) {
    if (spec == options.spec) continue;
    block[module] = {{"group_size", spec.group_size}, {"bits", spec.bits}, {"mode", to_string(spec.mode)}};
  }
  return block;
}

}  // namespace

Result<QuantizeSummary> quantize_model(const std::string& directory, const std::string& target,
                                       const QuantizeOptions& options, const WorkObserver& observer) {
  MLXS_TRY(const format::ModelWeights weights, format::open_model_weights(directory));
  MLXS_TRY(Json config, read_json_file((fs::path(directory) / "config.json").string()));
  if (!config.is_object())
    return fail(ErrorCode::invalid_model, "config.json", "{}: config.json must be an object", directory);
  MLXS_TRY(const QuantizePlan plan, plan_quantization(weights, config, options));
  MLXS_TRY(const auto out, StagedDirectory::create(target, options.overwrite));

  QuantizeSummary summary;
  summary.parameters = plan.parameters;
  summary.quantized = plan.quantized.size();
  std::vector<TensorSource> sources;
  uint64_t bytes_after = 0;
  for (const PlannedTensor& planned : plan.tensors) {
    sources.push_back(planned.to ? quantized_source(planned) : copied_source(planned));
    summary.dense += planned.to ? 0 : 1;
    for (const TensorInfo& info : sources.back().tensors) bytes_after += byte_count(info);
  }
  for (const auto& [name, tensor] : weights.tensors) summary.bytes_before += tensor.bytes.size();

  config["quantization"] = block_of(plan, options);
  config["quantization_config"] = config["quantization"];
  MLXS_CHECKED(out->write("config.json", to_text(config, 2) + "\n"));
  MLXS_CHECKED(copy_companions(directory, *out));
  observer.begin(bytes_after);
  MLXS_TRY(format::WrittenWeights written,
           format::write_model_weights(out->path(), sources, plan.parameters, {.on_written = observer.advance}));
  MLXS_CHECKED(out->commit());
  summary.bytes = written.bytes;
  summary.files = std::move(written.files);
  return summary;
}

}  // namespace mlxserving::hub
