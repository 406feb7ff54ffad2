// `mlx-serving logits`: the numbers a model gives for token ids, to compare with other implementations.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "cli/command.h"
#include "core/result.h"
#include "models/model.h"
#include "models/replay.h"
#include "nn/cpu_ops.h"
#include "nn/mlx_ops.h"

namespace mlxserving::cli {
namespace {

struct Options {
  std::string model;
  std::vector<int32_t> ids;
  std::string numerics = "default";
  std::string ops = "cpu";
  models::ReplayOptions replay;
  bool json = false;
};

using Rows = std::vector<std::vector<float>>;

// Shortest text that reads back as the same float; JSON has no infinities.
void append_number(std::string& out, float value) {
  if (std::isfinite(value)) {
    fmt::format_to(std::back_inserter(out), "{}", value);
  } else {
    out += "null";
  }
}

std::string row_as_json(const std::vector<float>& row) {
  std::string out = "[";
  for (size_t i = 0; i < row.size(); ++i) {
    if (i > 0) out += ',';
    append_number(out, row[i]);
  }
  return out + "]";
}

void print_json(const Rows& rows, bool all_positions) {
  std::string out = "{\"logits\":";
  if (all_positions) out += '[';
  for (size_t i = 0; i < rows.size(); ++i) out += (i > 0 ? "," : "") + row_as_json(rows[i]);
  out += all_positions ? "]}" : "}";
  std::puts(out.c_str());
}

void print_top(const Rows& rows, size_t first_position) {
  constexpr size_t kShown = 10;
  for (size_t i = 0; i < rows.size(); ++i) {
    std::vector<size_t> order(rows[i].size());
    std::iota(order.begin(), order.end(), size_t{0});
    const auto shown = order.begin() + static_cast<std::ptrdiff_t>(std::min(kShown, order.size()));
    std::partial_sort(order.begin(), shown, order.end(), [&](size_t a, size_t b) { return rows[i][a] > rows[i][b]; });
    fmt::print("position {}\n", first_position + i);
    for (auto id = order.begin(); id != shown; ++id) fmt::print("  {:>8}  {:12.6f}\n", *id, rows[i][*id]);
  }
}

Result<std::unique_ptr<nn::Ops>> make_ops(const Options& options) {
  if (options.ops == "mlx") {
    return nn::make_mlx_ops(options.numerics == "f32" ? nn::Numerics::f32 : nn::Numerics::checkpoint);
  }
  nn::CpuOptions cpu;
  if (options.numerics == "f32") cpu.numerics = kernels::Numerics::exact;
  if (options.numerics == "fast") cpu.numerics = kernels::Numerics::fast;
  return nn::make_cpu_ops(cpu);
}

Result<int> run(const Options& options) {
  MLXS_TRY(const std::unique_ptr<nn::Ops> ops, make_ops(options));
  MLXS_TRY(const models::LoadedModel loaded, models::load_model(options.model, *ops));
  models::ReplayOptions replay = options.replay;
  replay.kv_type = options.numerics == "f32" ? nn::KvType::f32 : nn::KvType::bf16;
  MLXS_TRY(const Rows rows, models::replay(loaded, *ops, options.ids, replay));
  if (options.json) {
    print_json(rows, replay.all_positions);
  } else {
    print_top(rows, options.ids.size() - rows.size());
  }
  return kExitOk;
}

}  // namespace

Runner declare_logits(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("MODEL", options->model, "Directory of the model.")->required();
  command.add_option("--ids", options->ids, "Token ids, separated by commas.")
      ->required()
      ->delimiter(',')
      ->check(CLI::Range(0, std::numeric_limits<int32_t>::max()));
  command
      .add_option("--numerics", options->numerics,
                  "f32: everything in 32 bits; default and fast: as in mlx-serving generate.")
      ->check(CLI::IsMember({"f32", "default", "fast"}));
  command.add_option("--ops", options->ops, "Which op layer computes: cpu, our kernels, or mlx, MLX's own ops.")
      ->check(CLI::IsMember({"cpu", "mlx"}));
  command
      .add_option("--prefill", options->replay.prefill,
                  "Tokens to run as prefill, the rest one by one as decoding does; all when absent.")
      ->check(CLI::Range(1, 1 << 30));
  command.add_option("--chunk", options->replay.chunk, "Tokens of a prefill chunk; all at once when absent.")
      ->check(CLI::Range(1, 1 << 30));
  command.add_flag("--all", options->replay.all_positions, "Logits of every position, not of the last alone.");
  command.add_flag("--json", options->json, "One JSON object: {\"logits\": [...]}, with --all a list a position.");
  return [options] { return run(*options); };
}

}  // namespace mlxserving::cli
