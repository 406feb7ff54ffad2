#include "engine/runner.h"

#include <mlx/ops.h>

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <string>

#include "core/check.h"
#include "core/result.h"
#include "engine/resynchronise.h"

namespace mlxserving::engine {
namespace {

// What a kernel reported, on its way out of the step.
struct StepError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void append(nn::Step& step, const ChunkTokens& rows, const scheduler::Scheduler& pages) {
  const scheduler::Chunk& chunk = rows.chunk;
  const auto row_begin = static_cast<int32_t>(step.tokens.size());
  step.tokens.insert(step.tokens.end(), rows.tokens.begin(), rows.tokens.end());
  for (int32_t i = 0; i < chunk.token_count; ++i) step.positions.push_back(chunk.position_begin + i);
  step.segments.push_back({.row_begin = row_begin,
                           .row_count = chunk.token_count,
                           .position_begin = chunk.position_begin,
                           .role = chunk.decodes ? nn::RowRole::decode : nn::RowRole::prefill,
                           .page_tables = pages.page_tables(chunk.sequence)});
  const bool all = rows.output == RowOutput::logits && !chunk.decodes;
  const int32_t wanted = all ? chunk.token_count : static_cast<int32_t>(chunk.samples);
  for (int32_t i = chunk.token_count - wanted; i < chunk.token_count; ++i) step.logit_rows.push_back(row_begin + i);
}

bool wants_hidden(const ChunkTokens& rows) { return rows.output == RowOutput::hidden; }

}  // namespace

Result<StepOutput> ModelRunner::run(std::span<const ChunkTokens> chunks, std::span<const scheduler::PageCopy> copies,
                                    const scheduler::Scheduler& pages) {
  check(faults_ == nullptr || !faults_->take(Fault::break_invariant), "planted");
  StepOutput output{.chunks = std::vector<OutputRows>(chunks.size()), .owners = {}};
  try {
    for (const auto& [group, from, to] : copies) kv_.copy_page(static_cast<int>(group), from, to);
    run_rows(chunks, false, pages, output);
    run_rows(chunks, true, pages, output);
    return output;
  } catch (const StepError& e) {
    return fail(ErrorCode::internal, "", "the step failed: {}", e.what());
  } catch (const std::exception& e) {
    const std::string what = e.what();
    output = {};
    resynchronise();  // the step's arrays are gone by now
    ops_.take_error();
    return fail(ErrorCode::internal, "", "the step failed: {}", what);
  }
}

// The chunks that want hidden states, or those that do not: models end differently for them, and no row's numbers
// depend on which other rows it runs with.
void ModelRunner::run_rows(std::span<const ChunkTokens> chunks, bool hidden, const scheduler::Scheduler& pages,
                           StepOutput& output) {
  nn::Step step;
  std::vector<int32_t> begins(chunks.size());
  for (size_t i = 0; i < chunks.size(); ++i) {
    if (wants_hidden(chunks[i]) != hidden) continue;
    begins[i] = static_cast<int32_t>(hidden ? step.tokens.size() : step.logit_rows.size());
    append(step, chunks[i], pages);
    const auto end = static_cast<int32_t>(hidden ? step.tokens.size() : step.logit_rows.size());
    output.chunks[i].count = end - begins[i];
  }
  if (step.tokens.empty()) return;
  // A step that samples nothing still needs a root to evaluate: its last row, whose logits nobody takes.
  if (step.logit_rows.empty()) step.logit_rows.push_back(static_cast<int32_t>(step.tokens.size()) - 1);
  const auto values = evaluate(step, hidden);
  output.owners.push_back(values);
  for (size_t i = 0; i < chunks.size(); ++i) {
    if (wants_hidden(chunks[i]) != hidden) continue;
    OutputRows& rows = output.chunks[i];
    rows.width = values->shape(-1);
    rows.values = values->data<float>() + int64_t{begins[i]} * rows.width;
  }
}

std::shared_ptr<const mlx::core::array> ModelRunner::evaluate(const nn::Step& step, bool hidden) {
  namespace mx = mlx::core;
  ops_.begin_step(step);
  mx::array values = mx::astype(hidden ? model_.hidden(step, kv_) : model_.logits(step, kv_), mx::float32);
  if (faults_ != nullptr) values = faults_->plant(values);
  ops_.evaluate(values);
  if (auto error = ops_.take_error()) throw StepError(error->message);
  return std::make_shared<const mx::array>(std::move(values));
}

}  // namespace mlxserving::engine
