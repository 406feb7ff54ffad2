#include "models/replay.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>

#include "core/result.h"
#include "nn/step.h"

namespace mlxserving::models {
namespace {

constexpr int32_t pages_for(int32_t tokens) { return (tokens + nn::kPageTokens - 1) / nn::kPageTokens; }

// One sequence's pages: all of each pool, in reverse, so that a reader who ignores the table is found out.
class Pages {
 public:
  Pages(const nn::KvLayout& layout, int32_t tokens, int32_t rows_max) {
    for (const int32_t window : layout.windows) {
      const int32_t all = pages_for(tokens);
      const int32_t count = window == 0 ? all : std::min(all, nn::ring_pages(window, rows_max));
      counts_.push_back(count);
      std::vector<int32_t> pages(static_cast<size_t>(count));
      std::iota(pages.rbegin(), pages.rend(), 0);
      tables_.push_back(std::move(pages));
    }
  }

  std::span<const int32_t> counts() const { return counts_; }
  std::vector<nn::PageTable> tables() const { return {tables_.begin(), tables_.end()}; }

 private:
  std::vector<int32_t> counts_;
  std::vector<std::vector<int32_t>> tables_;
};

// Positions [begin, end) as a step of one segment.
nn::Step step_of(std::span<const int32_t> tokens, int32_t begin, int32_t end, nn::RowRole role, const Pages& pages,
                 bool all_positions) {
  const int32_t rows = end - begin;
  nn::Step step;
  step.tokens.assign(tokens.begin() + begin, tokens.begin() + end);
  step.positions.resize(static_cast<size_t>(rows));
  std::iota(step.positions.begin(), step.positions.end(), begin);
  step.segments.push_back(
      {.row_begin = 0, .row_count = rows, .position_begin = begin, .role = role, .page_tables = pages.tables()});
  step.logit_rows.resize(static_cast<size_t>(all_positions ? rows : 1));
  std::iota(step.logit_rows.begin(), step.logit_rows.end(), rows - static_cast<int32_t>(step.logit_rows.size()));
  return step;
}

Result<void> run(const Model& model, nn::Ops& ops, const nn::Step& step, nn::KvStore& kv,
                 std::vector<std::vector<float>>& out) {
  ops.begin_step(step);
  auto logits = mlx::core::contiguous(mlx::core::astype(model.logits(step, kv), mlx::core::float32));
  logits.eval();
  if (auto error = ops.take_error()) return *error;
  const auto vocabulary = static_cast<size_t>(logits.shape(1));
  for (size_t row = 0; row < step.logit_rows.size(); ++row) {
    const float* values = logits.data<float>() + row * vocabulary;
    out.emplace_back(values, values + vocabulary);
  }
  return {};
}

Result<void> check_tokens(std::span<const int32_t> tokens, int64_t vocab_size) {
  if (tokens.empty()) return fail(ErrorCode::invalid_request, "ids", "ids must hold at least one token, got none");
  for (const int32_t token : tokens) {
    if (token >= 0 && token < vocab_size) continue;
    return fail(ErrorCode::invalid_request, "ids", "ids must be in [0, {}), the model's vocabulary, got {}", vocab_size,
                token);
  }
  return {};
}

}  // namespace

Result<std::vector<std::vector<float>>> replay(const LoadedModel& loaded, nn::Ops& ops, std::span<const int32_t> tokens,
                                               const ReplayOptions& options) {
  MLXS_CHECKED(check_tokens(tokens, loaded.config.vocab_size));
  const auto count = static_cast<int32_t>(tokens.size());
  const int32_t prefill = options.prefill > 0 ? std::min(options.prefill, count) : count;
  const int32_t chunk = options.chunk > 0 ? std::min(options.chunk, prefill) : prefill;
  const nn::KvLayout& layout = loaded.model->kv_layout();
  const Pages pages(layout, count, chunk);
  const std::unique_ptr<nn::KvStore> kv = ops.make_kv_store(layout, pages.counts(), options.kv_type);
  std::vector<std::vector<float>> out;
  for (int32_t begin = 0; begin < count;) {
    const bool prefills = begin < prefill;
    const int32_t end = prefills ? std::min(begin + chunk, prefill) : begin + 1;
    const nn::RowRole role = prefills ? nn::RowRole::prefill : nn::RowRole::decode;
    MLXS_CHECKED(run(*loaded.model, ops, step_of(tokens, begin, end, role, pages, options.all_positions), *kv, out));
    begin = end;
  }
  if (!options.all_positions) out.erase(out.begin(), out.end() - 1);
  return out;
}

}  // namespace mlxserving::models
