#include "nn/cpu_weights.h"

#include "core/check.h"

namespace mlxserving::nn {
namespace {

kernels::Float float_of(format::DType dtype) {
  check(dtype == format::DType::f32 || dtype == format::DType::f16 || dtype == format::DType::bf16,
        "dense weights, scales and biases are f32, f16 or bf16");
  return dtype == format::DType::f32   ? kernels::Float::f32
         : dtype == format::DType::f16 ? kernels::Float::f16
                                       : kernels::Float::bf16;
}

kernels::Packing packing_of(format::QuantMode mode) {
  switch (mode) {
    case format::QuantMode::affine: return kernels::Packing::affine;
    case format::QuantMode::mxfp4: return kernels::Packing::mxfp4;
    case format::QuantMode::mxfp8: return kernels::Packing::mxfp8;
    case format::QuantMode::nvfp4: return kernels::Packing::nvfp4;
  }
  return kernels::Packing::affine;
}

const uint8_t* data_of(const format::Tensor& tensor) { return reinterpret_cast<const uint8_t*>(tensor.bytes.data()); }

// A vector of any float type as f32.
std::vector<float> floats_of(const format::Tensor& tensor, const kernels::Kernels& kernels) {
  const int64_t count = format::element_count(tensor.shape);
  const kernels::Matrix row{.type = float_of(tensor.dtype), .rows = 1, .columns = count, .weight = data_of(tensor)};
  std::vector<float> floats(static_cast<size_t>(count));
  kernels.dequantize(row, 0, 0, count, floats.data());
  return floats;
}

}  // namespace

kernels::Matrix matrix_of(const LinearTensors& tensors) {
  check(tensors.weight.shape.size() == 2, "a linear weight has two dimensions");
  kernels::Matrix m{.rows = tensors.weight.shape[0], .columns = tensors.weight.shape[1]};
  if (!tensors.quantization) {
    m.type = float_of(tensors.weight.dtype);
    return m;
  }
  const format::QuantSpec& spec = *tensors.quantization;
  check(tensors.scales.has_value(), "quantised weights have scales");
  m.packing = packing_of(spec.mode);
  m.bits = spec.bits;
  m.group_size = spec.group_size;
  m.columns = m.columns * 32 / spec.bits;
  check(m.columns % m.group_size == 0, "groups divide a row");
  if (spec.mode != format::QuantMode::affine) return m;
  check(tensors.biases.has_value(), "affine weights have biases");
  check(tensors.biases->dtype == tensors.scales->dtype, "scales and biases have one type");
  m.type = float_of(tensors.scales->dtype);
  return m;
}

CpuLinear::CpuLinear(const LinearTensors& tensors, WeightMemory& memory, const kernels::Kernels& kernels,
                     kernels::Numerics numerics)
    : weight_(memory.keep(tensors.weight)), matrix_(matrix_of(tensors)), kernels_(kernels.linear(matrix_, numerics)) {
  if (tensors.scales) scales_ = memory.keep(*tensors.scales);
  if (tensors.biases) biases_ = memory.keep(*tensors.biases);
  matrix_.weight = weight_.data;
  matrix_.scales = scales_.data;
  matrix_.biases = biases_.data;
  if (!tensors.bias) return;
  bias_ = floats_of(*tensors.bias, kernels);
  check(static_cast<int64_t>(bias_.size()) == matrix_.rows, "a bias for each row");
  matrix_.bias = bias_.data();
}

CpuNorm::CpuNorm(const format::Tensor& weight, float eps, float weight_offset, const kernels::Kernels& kernels)
    : weight_(floats_of(weight, kernels)), eps_(eps) {
  for (float& w : weight_) w += weight_offset;
}

}  // namespace mlxserving::nn
