// GGUF files, versions 2 and 3: a header, metadata as typed key-value pairs, a table of tensors, their aligned bytes.
// Read in place from a mapping; counts, lengths, types and offsets are checked before use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "format/ggml_blocks.h"
#include "format/tensor.h"
#include "mlxserving/error.h"

namespace mlxserving::format {

struct GgufLimits {
  size_t keys_max = 65'536;
  size_t tensors_max = 262'144;
  size_t name_bytes_max = 1024;                  // of a key or a tensor
  size_t string_bytes_max = size_t{64} << 20;    // a whole tokenizer.json may stand in one
  size_t array_elements_max = size_t{16} << 20;  // the largest vocabularies have a quarter of a million tokens
  size_t dims_max = 4;
  int64_t dim_max = INT32_MAX;
};

// The types of values. The values are the file's.
enum class GgufValueType : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };

// An array of numbers or booleans as its bytes, or of strings. Borrowed from the file.
struct GgufArray {
  GgufValueType type = GgufValueType::u8;
  size_t count = 0;
  std::span<const std::byte> bytes;       // when `type` is a number or a boolean
  std::vector<std::string_view> strings;  // when `type` is string

  double number(size_t i) const;  // any numeric element; below 2^53 exact
};

using GgufValue = std::variant<bool, uint64_t, int64_t, float, double, std::string_view, GgufArray>;

struct GgufTensor {
  std::string name;
  GgmlType type = GgmlType::F32;
  Shape shape;  // row-major, as in safetensors: the file's order reversed
  std::span<const std::byte> bytes;
};

// Everything borrows from `owner`.
struct GgufFile {
  std::string path;
  uint32_t version = 0;
  std::map<std::string, GgufValue, std::less<>> metadata;
  std::vector<GgufTensor> tensors;  // in the file's order
  std::shared_ptr<const void> owner;

  const GgufValue* find(std::string_view key) const;
  const GgufTensor* find_tensor(std::string_view name) const;

  // The value of a key, where it is there and of the kind asked for; integers and floats convert among themselves.
  std::optional<int64_t> integer(std::string_view key) const;
  std::optional<double> number(std::string_view key) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::optional<std::string_view> string(std::string_view key) const;
  const GgufArray* array(std::string_view key) const;
};

// Reads `bytes`, which `owner` keeps alive; `path` stands in errors. Errors: invalid_model (broken), unsupported_model
// (a version, byte order or element type that is not known), resource_exhausted (a limit); `param` is the key, the
// tensor or the file.
Result<GgufFile> parse_gguf(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                            const std::string& path, const GgufLimits& limits = {});

// Maps the file. Also not_found and io.
Result<GgufFile> open_gguf(const std::string& path, const GgufLimits& limits = {});

}  // namespace mlxserving::format
