#include "hub/gguf_weights.h"

#include <cmath>
#include <cstring>
#include <mutex>
#include <set>

#include "core/check.h"
#include "core/result.h"
#include "format/float_types.h"
#include "hub/gguf_names.h"
#include "hub/parallel_rows.h"
#include "hub/quantize_rows.h"

namespace mlxserving::hub {
namespace {

using format::DType;
using format::GgmlType;
using format::GgufFile;
using format::GgufTensor;
using format::QuantMode;
using format::QuantSpec;
using format::TensorInfo;
using format::TensorSource;

constexpr int kGroup = static_cast<int>(format::kAffineGroup);
constexpr float kHalfMax = 65504.0F;
constexpr std::string_view kLayers = "model.layers.";

// Where each row of the checkpoint lies in the file: row r of head h, half j, pair i is row 2i + j of the head there.
struct RowMap {
  int64_t head_rows = 0;  // 0: rows as they are

  size_t operator()(size_t row) const {
    if (head_rows == 0) return row;
    const auto rows = static_cast<size_t>(head_rows);
    const size_t in_head = row % rows;
    const size_t half = in_head / (rows / 2);
    return row - in_head + 2 * (in_head % (rows / 2)) + half;
  }
};

// One tensor on its way: where from, how its rows lie, what it becomes.
struct Job {
  const GgufTensor* tensor = nullptr;
  NameRow name;
  RowMap row_map;
  size_t rows = 0;
  size_t columns = 0;
  std::shared_ptr<std::map<std::string, RepackRow>> report;

  const std::byte* row(size_t i) const {
    return tensor->bytes.data() + row_map(i) * (columns / block_elements(tensor->type) * block_bytes(tensor->type));
  }
  RepackRow& report_row() const { return (*report)[std::string(to_string(tensor->type))]; }
};

// Sums what narrowing changed, from many threads.
class ErrorSum {
 public:
  void add(const float* exact, const float* stored, size_t count) {
    double error = 0;
    double value = 0;
    for (size_t i = 0; i < count; ++i) {
      const double difference = static_cast<double>(exact[i]) - static_cast<double>(stored[i]);
      error += difference * difference;
      value += static_cast<double>(exact[i]) * static_cast<double>(exact[i]);
    }
    const std::lock_guard lock(mutex_);
    error_ += error;
    value_ += value;
  }
  void add_to(RepackRow& row) const {
    row.squared_error += error_;
    row.squared_value += value_;
  }

 private:
  std::mutex mutex_;
  double error_ = 0;
  double value_ = 0;
};

std::string module_of(const std::string& tensor) { return tensor.substr(0, tensor.rfind('.')); }

void note(const Job& job, std::string target) {
  RepackRow& row = job.report_row();
  ++row.tensors;
  row.elements += job.rows * job.columns;
  row.target = std::move(target);
}

// Dense in, dense out: rows move, types change, Gemma's norms lose the one that GGUF added.
TensorSource dense_source(const Job& job, DType dtype) {
  const TensorInfo info{job.name.name, dtype, job.tensor->shape};
  return {{info}, [job, dtype](std::span<const std::span<std::byte>> out) -> Result<void> {
            ErrorSum sum;
            const size_t row_bytes = job.columns * size_of(dtype);
            parallel_rows(job.rows, [&](size_t begin, size_t end) {
              std::vector<float> values(job.columns);
              std::vector<float> stored(job.columns);
              for (size_t row = begin; row < end; ++row) {
                std::byte* to = out[0].data() + row * row_bytes;
                if (format::dense_dtype(job.tensor->type) == dtype && !job.name.minus_one) {
                  std::memcpy(to, job.row(row), row_bytes);
                  continue;
                }
                format::dequantize_row(job.tensor->type, job.row(row), job.columns, values.data());
                for (float& value : values) value -= job.name.minus_one ? 1.0F : 0.0F;
                format::from_f32(dtype, values.data(), job.columns, to);
                format::to_f32(dtype, to, job.columns, stored.data());
                sum.add(values.data(), stored.data(), job.columns);
              }
            });
            note(job, fmt::format("dense {}", safetensors_name(dtype)));
            sum.add_to(job.report_row());
            return {};
          }};
}

std::vector<TensorInfo> packed_infos(const Job& job, const QuantSpec& spec, DType dtype) {
  const std::string module = module_of(job.name.name);
  return {{job.name.name, DType::u32, packed_shape(spec, job.tensor->shape)},
          {module + ".scales", dtype, scales_shape(spec, job.tensor->shape)},
          {module + ".biases", dtype, scales_shape(spec, job.tensor->shape)}};
}

std::string target_of(const QuantSpec& spec, DType dtype) {
  return fmt::format("affine {} bits by {}, {} scales", spec.bits, spec.group_size, safetensors_name(dtype));
}

// Blocks that are affine already: codes, scales and biases move, nothing is rounded but by `dtype`.
TensorSource repacked_source(const Job& job, const QuantSpec& spec, DType dtype) {
  return {
      packed_infos(job, spec, dtype), [job, spec, dtype](std::span<const std::span<std::byte>> out) -> Result<void> {
        ErrorSum sum;
        const size_t groups = job.columns / format::kAffineGroup;
        parallel_rows(job.rows, [&](size_t begin, size_t end) {
          std::vector<uint8_t> codes(job.columns);
          std::vector<float> exact(2 * groups);  // scales, then biases
          std::vector<float> stored(2 * groups);
          for (size_t row = begin; row < end; ++row) {
            format::to_affine(job.tensor->type, job.row(row), job.columns, codes.data(), exact.data(), &exact[groups]);
            std::byte* scales = out[1].data() + row * groups * size_of(dtype);
            std::byte* biases = out[2].data() + row * groups * size_of(dtype);
            format::pack_codes(codes.data(), job.columns, spec.bits,
                               out[0].data() + row * packed_bytes(spec, job.columns));
            format::from_f32(dtype, exact.data(), groups, scales);
            format::from_f32(dtype, &exact[groups], groups, biases);
            format::to_f32(dtype, scales, groups, stored.data());
            format::to_f32(dtype, biases, groups, &stored[groups]);
            if (stored == exact) continue;
            std::vector<float> before(job.columns);
            std::vector<float> after(job.columns);
            format::dequantize_row(job.tensor->type, job.row(row), job.columns, before.data());
            for (size_t i = 0; i < job.columns; ++i) {
              const size_t group = i / format::kAffineGroup;
              after[i] = static_cast<float>(codes[i]) * stored[group] + stored[groups + group];
            }
            sum.add(before.data(), after.data(), job.columns);
          }
        });
        note(job, target_of(spec, dtype));
        sum.add_to(job.report_row());
        return {};
      }};
}

// Blocks MLX has no form for: read as f32 and quantised anew.
TensorSource requantized_source(const Job& job, const QuantSpec& spec, DType dtype) {
  return {packed_infos(job, spec, dtype),
          [job, spec, dtype](std::span<const std::span<std::byte>> out) -> Result<void> {
            const ReadRow read = [&](size_t row, float* values) {
              format::dequantize_row(job.tensor->type, job.row(row), job.columns, values);
            };
            quantize_matrix(spec, dtype, job.rows, job.columns, read, {out[0].data(), out[1].data(), out[2].data()});
            ErrorSum sum;
            const size_t scales_row = job.columns / format::kAffineGroup * size_of(dtype);
            parallel_rows(job.rows, [&](size_t begin, size_t end) {
              std::vector<float> before(job.columns);
              std::vector<float> after(job.columns);
              for (size_t row = begin; row < end; ++row) {
                read(row, before.data());
                format::dequantize_row(spec, dtype, out[0].data() + row * packed_bytes(spec, job.columns),
                                       out[1].data() + row * scales_row, out[2].data() + row * scales_row, job.columns,
                                       after.data());
                sum.add(before.data(), after.data(), job.columns);
              }
            });
            note(job, target_of(spec, dtype) + ", quantised anew");
            sum.add_to(job.report_row());
            return {};
          }};
}

// Bits for the types that are quantised anew; nothing for all others.
std::optional<int> requantized_bits(GgmlType type) {
  switch (type) {
    case GgmlType::Q2_K: return 4;
    case GgmlType::Q3_K: return 5;
    case GgmlType::Q6_K: return 8;
    default: return std::nullopt;
  }
}

// f16 where it holds every scale and bias of the tensor exactly, else f32.
DType exact_scale_dtype(const Job& job) {
  if (job.tensor->type == GgmlType::Q4_K || job.tensor->type == GgmlType::Q5_K) return DType::f32;
  if (job.tensor->type != GgmlType::Q8_0 && job.tensor->type != GgmlType::Q5_0 && job.tensor->type != GgmlType::Q4_0) {
    return DType::f16;
  }
  // A block begins with its scale, an f16. The bias is a multiple of it, which may leave f16's range.
  const float zero_code = job.tensor->type == GgmlType::Q8_0 ? 128 : job.tensor->type == GgmlType::Q5_0 ? 16 : 8;
  const std::span<const std::byte> bytes = job.tensor->bytes;
  for (size_t at = 0; at < bytes.size(); at += block_bytes(job.tensor->type)) {
    float scale = 0;
    format::to_f32(DType::f16, &bytes[at], 1, &scale);
    if (!(std::fabs(zero_code * scale) <= kHalfMax)) return DType::f32;
  }
  return DType::f16;
}

class Planner {
 public:
  Planner(const GgufFile& file, const Json& config, const RepackOptions& options)
      : file_(file), config_(config), options_(options) {
    weights_.report = std::make_shared<std::map<std::string, RepackRow>>();
  }

  Result<GgufWeights> plan() {
    for (const GgufTensor& tensor : file_.tensors) {
      if (is_config_tensor(tensor.name)) continue;
      MLXS_TRY(Job job, job_of(tensor));
      weights_.parameters += job.rows * job.columns;
      weights_.sources.push_back(source_of(job));
      seen_.insert(job.name.name);
    }
    MLXS_CHECKED(check_complete());
    return std::move(weights_);
  }

 private:
  // All layers of an architecture have the same tensors: what one has and another lacks is missing.
  Result<void> check_complete() const {
    const auto missing = [&](const std::string& name) {
      return fail(ErrorCode::invalid_model, name, "{}: has no tensor for {}: an incomplete file?", file_.path, name);
    };
    if (!seen_.contains("model.norm.weight")) return missing("model.norm.weight");
    const auto layers = config_["num_hidden_layers"].get<int64_t>();
    std::set<std::string> parts;  // "mlp.up_proj.weight"
    for (const std::string& name : seen_) {
      if (name.starts_with(kLayers)) parts.insert(name.substr(name.find('.', kLayers.size()) + 1));
    }
    if (parts.empty()) parts.insert("input_layernorm.weight");
    for (int64_t layer = 0; layer < layers; ++layer) {
      for (const std::string& part : parts) {
        const std::string name = fmt::format("{}{}.{}", kLayers, layer, part);
        if (!seen_.contains(name)) return missing(name);
      }
    }
    return {};
  }

  Error wrong(const GgufTensor& tensor, std::string_view what) const {
    return fail(ErrorCode::unsupported_model, tensor.name, "{}: tensor {}: {}", file_.path, tensor.name, what);
  }

  Result<Job> job_of(const GgufTensor& tensor) {
    const auto model_type = config_["model_type"].get<std::string>();
    const std::optional<NameRow> name = checkpoint_name(tensor.name, model_type);
    if (!name) return wrong(tensor, fmt::format("is not known in a {} model", model_type));
    if (!can_dequantize(tensor.type)) {
      return wrong(tensor,
                   fmt::format("type {} is not converted; F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 and Q2_K to "
                               "Q6_K are",
                               to_string(tensor.type)));
    }
    if (tensor.shape.empty() || tensor.shape.size() > 2 || tensor.bytes.empty()) {
      return wrong(tensor, fmt::format("must be a row or a matrix, found {}", format::to_string(tensor.shape)));
    }
    Job job{&tensor, *name, {}, 1, static_cast<size_t>(tensor.shape.back()), weights_.report};
    if (tensor.shape.size() == 2) job.rows = static_cast<size_t>(tensor.shape[0]);
    if (name->order == RowOrder::as_is) return job;
    return with_heads(std::move(job));
  }

  // A bias of q or k is one row in the file whose elements are what the rows of its matrix are.
  Result<Job> with_heads(Job job) const {
    const bool is_query = job.name.order == RowOrder::rotary_heads;
    const auto heads = config_[is_query ? "num_attention_heads" : "num_key_value_heads"].get<int64_t>();
    if (job.tensor->shape.size() == 1) std::swap(job.rows, job.columns);
    const auto rows = static_cast<int64_t>(job.rows);
    if (rows % heads != 0 || rows / heads % 2 != 0) {
      return wrong(*job.tensor,
                   fmt::format("must have {} heads of an even number of rows, found {} rows", heads, rows));
    }
    if (job.columns == 1 && !format::dense_dtype(job.tensor->type)) return wrong(*job.tensor, "a bias must be dense");
    job.row_map.head_rows = rows / heads;
    return job;
  }

  TensorSource source_of(const Job& job) {
    const GgmlType type = job.tensor->type;
    if (const std::optional<DType> dense = format::dense_dtype(type)) {
      const DType narrow = options_.dense && job.tensor->shape.size() == 2 ? *options_.dense : *dense;
      return dense_source(job, job.name.minus_one ? DType::f32 : narrow);
    }
    if (options_.dense || job.tensor->shape.size() == 1) return dense_source(job, options_.dense.value_or(DType::f32));
    const std::optional<int> affine = format::affine_bits(type);
    const QuantSpec spec{QuantMode::affine, affine ? *affine : requantized_bits(type).value_or(8), kGroup};
    weights_.quantized[module_of(job.name.name)] = spec;
    if (!affine) return requantized_source(job, spec, options_.scales.value_or(DType::f16));
    return repacked_source(job, spec, options_.scales ? *options_.scales : exact_scale_dtype(job));
  }

  const GgufFile& file_;
  const Json& config_;
  const RepackOptions& options_;
  GgufWeights weights_;
  std::set<std::string> seen_;  // the checkpoint's names
};

}  // namespace

double RepackRow::relative_error() const { return squared_error == 0 ? 0 : std::sqrt(squared_error / squared_value); }

Result<GgufWeights> weights_from_gguf(const GgufFile& file, const Json& config, const RepackOptions& options) {
  return Planner(file, config, options).plan();
}

}  // namespace mlxserving::hub
