// The block types of GGUF files: what each is called, how large its blocks are, and what their bits mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "format/tensor.h"

namespace mlxserving::format {

// How a tensor's elements are stored. The values are the file's.
// clang-format off
enum class GgmlType : uint32_t {
  F32 = 0, F16 = 1, Q4_0 = 2, Q4_1 = 3, Q5_0 = 6, Q5_1 = 7, Q8_0 = 8, Q8_1 = 9, Q2_K = 10, Q3_K = 11, Q4_K = 12,
  Q5_K = 13, Q6_K = 14, Q8_K = 15, IQ2_XXS = 16, IQ2_XS = 17, IQ3_XXS = 18, IQ1_S = 19, IQ4_NL = 20, IQ3_S = 21,
  IQ2_S = 22, IQ4_XS = 23, I8 = 24, I16 = 25, I32 = 26, I64 = 27, F64 = 28, IQ1_M = 29, BF16 = 30, TQ1_0 = 34,
  TQ2_0 = 35, MXFP4 = 39, NVFP4 = 40, Q1_0 = 41,
};
// clang-format on

std::optional<GgmlType> ggml_type(uint32_t value);  // if there is such a type
std::string_view to_string(GgmlType type);          // "Q4_K"
size_t block_elements(GgmlType type);               // elements that are stored together, always within one row
size_t block_bytes(GgmlType type);

// F32, F16 and BF16 as the type they are.
std::optional<DType> dense_dtype(GgmlType type);

// The types whose blocks are affine groups of 32, element = code * scale + bias: their bits. Q4_0, Q4_1, Q4_K: 4; Q5_0,
// Q5_1, Q5_K: 5; Q8_0: 8.
constexpr size_t kAffineGroup = 32;
std::optional<int> affine_bits(GgmlType type);

// `elements` of whole blocks as one code each and one scale and bias a group. Exact: the sum code * scale + bias rounds
// in f32 as ggml's own does. Scales and biases of the K types need f32, those of the others fit f16.
void to_affine(GgmlType type, const std::byte* blocks, size_t elements, uint8_t* codes, float* scales, float* biases);

// Whether dequantize_row knows the type: the dense, the affine, and Q2_K, Q3_K, Q6_K.
bool can_dequantize(GgmlType type);

// `elements` of whole blocks as f32.
void dequantize_row(GgmlType type, const std::byte* blocks, size_t elements, float* out);

}  // namespace mlxserving::format
