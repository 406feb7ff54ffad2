// Safetensors files: eight bytes of header length, a JSON header, the tensors' bytes end to end. Read in place from a
// mapping; nothing is copied and nothing is believed before it is checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "format/tensor.h"
#include "mlxserving/error.h"

namespace mlxserving::format {

struct SafetensorsLimits {
  size_t header_bytes_max = 100'000'000;  // the reference implementation's
  size_t tensors_max = size_t{1} << 18;   // a file of 256 experts in 128 layers stays below half of it
  size_t name_bytes_max = 1024;
  size_t dims_max = 8;
  int64_t dim_max = INT32_MAX;  // MLX's shapes are 32-bit
};

struct SafetensorsFile {
  std::string path;
  std::map<std::string, std::string> metadata;
  std::vector<Tensor> tensors;  // in the order of their bytes, which they cover without gap or overlap
};

// Reads `bytes`, which `owner` keeps alive; `path` stands in errors. Errors: invalid_model (broken), unsupported_model
// (an element type MLX has not), resource_exhausted (a limit); each names file, tensor, expected and found, and `param`
// is the tensor or the file.
Result<SafetensorsFile> parse_safetensors(std::span<const std::byte> bytes, const std::shared_ptr<const void>& owner,
                                          const std::string& path, const SafetensorsLimits& limits = {});

// Maps the file. Also not_found and io.
Result<SafetensorsFile> open_safetensors(const std::string& path, const SafetensorsLimits& limits = {});

}  // namespace mlxserving::format
