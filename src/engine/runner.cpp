#include "engine/runner.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <exception>
#include <string>

#include "core/check.h"
#include "core/result.h"
#include "engine/resynchronise.h"

namespace mlxserving::engine {
namespace {

nn::Step make_step(std::span<const ChunkTokens> chunks, const scheduler::Scheduler& pages) {
  nn::Step step;
  for (const auto& [chunk, tokens] : chunks) {
    const auto row_begin = static_cast<int32_t>(step.tokens.size());
    step.tokens.insert(step.tokens.end(), tokens.begin(), tokens.end());
    for (int32_t i = 0; i < chunk.token_count; ++i) step.positions.push_back(chunk.position_begin + i);
    step.segments.push_back({.row_begin = row_begin,
                             .row_count = chunk.token_count,
                             .position_begin = chunk.position_begin,
                             .role = chunk.decodes ? nn::RowRole::decode : nn::RowRole::prefill,
                             .page_tables = pages.page_tables(chunk.sequence)});
    if (chunk.samples) step.logit_rows.push_back(row_begin + chunk.token_count - 1);
  }
  // A step that samples nothing still needs a root to evaluate: its last row, whose logits nobody takes.
  if (step.logit_rows.empty()) step.logit_rows.push_back(static_cast<int32_t>(step.tokens.size()) - 1);
  return step;
}

}  // namespace

Result<StepLogits> Runner::run(std::span<const ChunkTokens> chunks, const scheduler::Scheduler& pages) {
  const nn::Step step = make_step(chunks, pages);
  check(faults_ == nullptr || !faults_->take(Fault::break_invariant), "planted");
  ops_.begin_step(step);
  try {
    return evaluate(step);
  } catch (const std::exception& e) {
    const std::string what = e.what();
    resynchronise();  // the step's arrays are gone by now
    ops_.take_error();
    return fail(ErrorCode::internal, "", "the step failed: {}", what);
  }
}

Result<StepLogits> Runner::evaluate(const nn::Step& step) {
  mlx::core::array logits = mlx::core::astype(model_.logits(step, kv_), mlx::core::float32);
  if (faults_ != nullptr) logits = faults_->plant(logits);
  mlx::core::eval(logits);
  if (auto error = ops_.take_error()) return *error;
  const float* values = logits.data<float>();
  return StepLogits{.values = {values, values + logits.size()}, .vocabulary_size = logits.shape(-1)};
}

}  // namespace mlxserving::engine
