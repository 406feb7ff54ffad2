// The tensors of a GGUF file as MLX's: renamed, their rows put back in order, their blocks repacked.
//
//   F32, F16, BF16                dense, as they are
//   Q4_0 Q4_1 | Q5_0 Q5_1 | Q8_0  affine 4 | 5 | 8 bits by 32, scales and biases in f16: every value exactly the same
//   Q4_K | Q5_K                   affine 4 | 5 bits by 32; their scales are products that need f32 to stay the same
//   Q2_K | Q3_K | Q6_K            groups of 16 that MLX has not: quantised anew with two more bits, 4 | 5 | 8 by 32,
//   which
//                                 adds about a sixteenth to the variance of the error they were made with
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "format/gguf.h"
#include "format/quantization.h"
#include "format/safetensors_writer.h"
#include "mlxserving/error.h"

namespace mlxserving::hub {

struct RepackOptions {
  std::optional<format::DType> dense;   // every matrix dense in this type instead of quantised
  std::optional<format::DType> scales;  // f16 or bf16 for all scales and biases, exact or not
};

// What became of the tensors of one GGUF type.
struct RepackRow {
  size_t tensors = 0;
  uint64_t elements = 0;
  std::string target;        // "affine 4 bits by 32, f16 scales"
  double squared_error = 0;  // sum over the elements, when the values changed
  double squared_value = 0;
  double relative_error() const;  // root mean square of the error by that of the values; 0: lossless
};

struct GgufWeights {
  std::vector<format::TensorSource> sources;           // borrow from the file
  std::map<std::string, format::QuantSpec> quantized;  // by module path, "model.layers.0.mlp.up_proj"
  uint64_t parameters = 0;
  // Filled while the sources are; by GGUF type.
  std::shared_ptr<std::map<std::string, RepackRow>> report;
};

// `config` is config_from_gguf's. Errors: unsupported_model (a tensor or type that is not known), invalid_model (shapes
// that contradict the config); `param` is the GGUF tensor.
Result<GgufWeights> weights_from_gguf(const format::GgufFile& file, const Json& config, const RepackOptions& options);

}  // namespace mlxserving::hub
