// The weights of one model, taken from a directory's tensors by the names that checkpoints use.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "format/model_config.h"
#include "format/model_weights.h"
#include "format/tensor.h"
#include "mlxserving/error.h"
#include "nn/ops.h"

namespace mlxserving::models {

enum class Bias : uint8_t { absent, present };
constexpr Bias bias_if(bool present) { return present ? Bias::present : Bias::absent; }

// Hands out layers as Ops keeps them. A tensor that is missing or contradicts the config is remembered, the layer comes
// back null, and the architecture reads on: it asks once, at the end, whether all went well. Lives during load.
class Weights {
 public:
  // Tensors are renamed and dropped as mlx-lm's sanitize() does, by name alone, so that sanitised files pass unchanged:
  // the text part of a multimodal model loses its prefix, the rest of it, precomputed frequencies, heads of tied
  // embeddings and extra prediction layers go. `config` and `ops` outlive this.
  Weights(format::ModelWeights files, const format::ModelConfig& config, nn::Ops& ops);

  bool has(std::string_view tensor) const { return files_.tensors.contains(tensor); }

  // `path`.weight and, as the quantization block and the files say, .scales and .biases; [out, in].
  nn::Linear linear(const std::string& path, int64_t in, int64_t out, Bias bias = Bias::absent);
  // A layer whose rows are several layers', of these widths in this order. The files' bytes are shared, not copied.
  std::vector<nn::Linear> fused_linear(const std::string& path, int64_t in, std::initializer_list<int64_t> outs);
  // `path`.weight, [width]. `weight_offset` is added to each element.
  nn::Norm norm(const std::string& path, int64_t width, float weight_offset = 0.0F);

  // After everything was taken: the first fault, missing and misshapen tensors before those nobody asked for.
  Result<void> finish() const;

  int64_t parameters() const { return parameters_; }
  int64_t bytes() const { return bytes_; }
  int64_t bytes_of(const std::string& path) const;  // of one layer's tensors

 private:
  const format::Tensor* take(const std::string& name);
  std::optional<format::Tensor> take_float(const std::string& name, const format::Shape& shape);
  std::optional<format::QuantSpec> quantization_of(const std::string& path);
  std::optional<nn::LinearTensors> linear_tensors(const std::string& path, int64_t in, int64_t out, Bias bias);
  std::optional<nn::LinearTensors> packed_tensors(const std::string& path, const format::QuantSpec& spec, int64_t in,
                                                  int64_t out);
  void fault(const std::string& tensor, const std::string& text);
  std::string place_of(const std::string& tensor) const;

  format::ModelWeights files_;
  const format::ModelConfig& config_;
  std::map<std::string, std::optional<format::QuantSpec>, std::less<>> layer_quantization_;
  nn::Ops& ops_;
  std::set<std::string, std::less<>> taken_;
  std::optional<Error> first_fault_;
  int faults_ = 0;
  int64_t parameters_ = 0;
  int64_t bytes_ = 0;
};

}  // namespace mlxserving::models
