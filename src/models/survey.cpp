#include "models/survey.h"

#include "core/check.h"
#include "core/result.h"

namespace mlxserving::models {
namespace {

using nn::array;

// An op layer that takes weights and keeps none. Nothing can be computed with it.
class SurveyOps final : public nn::Ops {
 public:
  nn::Linear make_linear(const nn::LinearTensors&) override { return std::make_shared<nn::LinearWeights>(); }
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
  std::optional<Error> take_error() override { return std::nullopt; }

 private:
  template <typename T>
  [[noreturn]] static T nothing() {
    throw BrokenInvariant("broken invariant: a survey computes nothing");
  }
};

}  // namespace

Result<ModelSurvey> survey_model(const std::string& directory) {
  SurveyOps ops;
  MLXS_TRY(const LoadedModel loaded, load_model(directory, ops));
  return ModelSurvey{loaded.config, loaded.sizes, loaded.model->kv_layout()};
}

}  // namespace mlxserving::models
