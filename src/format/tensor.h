// A tensor as it lies in a file: a name, a type, a shape and borrowed bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mlxserving::format {

// The element types of safetensors that MLX reads. The two fp8 types carry scales and arrive as bytes in MLX.
enum class DType : uint8_t { boolean, u8, i8, u16, i16, u32, i32, u64, i64, f16, bf16, f32, c64, f8_e4m3, f8_e8m0 };

size_t size_of(DType dtype);                     // bytes an element
std::string_view safetensors_name(DType dtype);  // "BF16"

// The type of that name in a safetensors header, if it is one of ours.
std::optional<DType> dtype_from_safetensors_name(std::string_view name);

// f16, bf16 or f32: what a dense weight, a scale or a norm may be.
bool is_float(DType dtype);

using Shape = std::vector<int64_t>;

std::string to_string(const Shape& shape);  // "[49152, 576]"
int64_t element_count(const Shape& shape);  // of a validated shape: non-negative sizes whose product fits

// What a tensor is, without its bytes.
struct TensorInfo {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
};

size_t byte_count(const TensorInfo& info);  // of a validated shape

// Borrows `bytes` from `owner` (a mapping or a buffer), which it keeps alive. Row-contiguous, little-endian. The first
// byte may be unaligned: safetensors promises nothing.
struct Tensor : TensorInfo {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
};

}  // namespace mlxserving::format
