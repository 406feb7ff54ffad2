#include "models/survey.h"

#include <fmt/format.h>

#include <utility>

#include "core/check.h"
#include "core/result.h"
#include "nn/cpu_ops.h"

namespace mlxserving::models {
namespace {

using nn::array;

// An op layer that takes weights and keeps none. Nothing can be computed with it.
class SurveyOps final : public nn::Ops {
 public:
  nn::Linear make_linear(const nn::LinearTensors& tensors) override {
    const auto choice = nn::choose_kernels_for(tensors, kernels::Numerics::standard);
    if (choice) {
      matrices_.push_back(surveyed(tensors, *choice));
    } else if (!error_) {
      error_ = choice.error();
    }
    return std::make_shared<nn::LinearWeights>();
  }
  nn::Norm make_norm(const format::Tensor&, float, float) override { return std::make_shared<nn::NormWeights>(); }
  nn::Rope make_rope(const nn::RopeSpec&) override { return std::make_shared<nn::RopeTable>(); }
  std::unique_ptr<nn::KvStore> make_kv_store(const nn::KvLayout&, std::span<const int32_t>, nn::KvType) override {
    return nothing<std::unique_ptr<nn::KvStore>>();
  }
  array embed(std::span<const int32_t>, const nn::Linear&, float) const override { return nothing<array>(); }
  array linear(const array&, const nn::Linear&) const override { return nothing<array>(); }
  std::vector<array> linears(const array&, std::span<const nn::Linear>) const override {
    return nothing<std::vector<array>>();
  }
  array rms_norm(const array&, const nn::Norm&) const override { return nothing<array>(); }
  array add(const array&, const array&) const override { return nothing<array>(); }
  array gated(const array&, const array&, nn::Activation) const override { return nothing<array>(); }
  array select_rows(const array&, std::span<const int32_t>) const override { return nothing<array>(); }
  array soft_cap(const array&, float) const override { return nothing<array>(); }
  array attention(const array&, const array&, const array&, const nn::AttentionSpec&,
                  const nn::KvView&) const override {
    return nothing<array>();
  }
  void begin_step(const nn::Step&) override { nothing<int>(); }
  std::optional<Error> take_error() override { return error_; }

  std::vector<SurveyedMatrix>& matrices() { return matrices_; }

 private:
  static SurveyedMatrix surveyed(const nn::LinearTensors& tensors, const nn::KernelChoice& choice) {
    const auto& quantization = tensors.quantization;
    const int64_t packed = tensors.weight.shape[1];
    return {.name = tensors.weight.name,
            .rows = tensors.weight.shape[0],
            .columns = quantization ? packed * 32 / quantization->bits : packed,
            .layout = quantization ? fmt::format("{} {} bits by {}", format::to_string(quantization->mode),
                                                 quantization->bits, quantization->group_size)
                                   : std::string(format::safetensors_name(tensors.weight.dtype)),
            .isa = choice.isa,
            .decode = choice.decode,
            .prefill = choice.prefill};
  }

  template <typename T>
  [[noreturn]] static T nothing() {
    throw BrokenInvariant("broken invariant: a survey computes nothing");
  }

  std::vector<SurveyedMatrix> matrices_;
  std::optional<Error> error_;
};

}  // namespace

Result<ModelSurvey> survey_model(const std::string& directory) {
  SurveyOps ops;
  MLXS_TRY(const LoadedModel loaded, load_model(directory, ops));
  if (const auto error = ops.take_error()) return *error;
  return ModelSurvey{loaded.config, loaded.sizes, loaded.model->kv_layout(), std::move(ops.matrices())};
}

}  // namespace mlxserving::models
