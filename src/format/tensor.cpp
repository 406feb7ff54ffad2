#include "format/tensor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/check.h"

namespace mlxserving::format {
namespace {

struct Row {
  DType dtype;
  std::string_view name;
  size_t bytes;
};

constexpr Row kDTypes[] = {
    {DType::boolean, "BOOL", 1}, {DType::u8, "U8", 1},           {DType::i8, "I8", 1},           {DType::u16, "U16", 2},
    {DType::i16, "I16", 2},      {DType::u32, "U32", 4},         {DType::i32, "I32", 4},         {DType::u64, "U64", 8},
    {DType::i64, "I64", 8},      {DType::f16, "F16", 2},         {DType::bf16, "BF16", 2},       {DType::f32, "F32", 4},
    {DType::c64, "C64", 8},      {DType::f8_e4m3, "F8_E4M3", 1}, {DType::f8_e8m0, "F8_E8M0", 1},
};

const Row& row_of(DType dtype) {
  const Row& row = kDTypes[static_cast<size_t>(dtype)];
  check(row.dtype == dtype, "kDTypes is in the order of DType");
  return row;
}

}  // namespace

size_t size_of(DType dtype) { return row_of(dtype).bytes; }

std::string_view safetensors_name(DType dtype) { return row_of(dtype).name; }

std::optional<DType> dtype_from_safetensors_name(std::string_view name) {
  for (const Row& row : kDTypes) {
    if (row.name == name) return row.dtype;
  }
  return std::nullopt;
}

bool is_float(DType dtype) { return dtype == DType::f16 || dtype == DType::bf16 || dtype == DType::f32; }

std::string to_string(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

int64_t element_count(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return count;
}

size_t byte_count(const TensorInfo& info) {
  return static_cast<size_t>(element_count(info.shape)) * size_of(info.dtype);
}

}  // namespace mlxserving::format
