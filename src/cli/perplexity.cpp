// `mlx-serving perplexity`: how well a model predicts a text, to see what numerics, cache types and quantisation cost.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "core/json.h"
#include "core/progress.h"
#include "core/read_file.h"
#include "core/result.h"
#include "models/model.h"
#include "models/replay.h"
#include "nn/cpu_ops.h"
#include "text/tokenizer.h"

namespace mlxserving::cli {
namespace {

constexpr size_t kTextBytesMax = size_t{64} << 20U;

struct Options {
  std::string model;
  std::string file;
  std::string numerics = "default";
  std::string kv_type = "auto";
  int32_t window = 512;
  bool decode = false;
  bool json = false;
};

Result<std::unique_ptr<nn::Ops>> make_ops(const Options& options) {
  nn::CpuOptions cpu;
  if (options.numerics == "f32") cpu.numerics = kernels::Numerics::exact;
  if (options.numerics == "fast") cpu.numerics = kernels::Numerics::fast;
  return nn::make_cpu_ops(cpu);
}

nn::KvType kv_type(const Options& options) {
  if (options.kv_type == "int8") return nn::KvType::int8;
  if (options.kv_type == "f16") return nn::KvType::f16;
  return options.kv_type == "auto" && options.numerics == "f32" ? nn::KvType::f32 : nn::KvType::bf16;
}

Result<std::string> read_text(const Options& options) {
  if (!options.file.empty()) return read_file(options.file, kTextBytesMax);
  std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  if (text.size() <= kTextBytesMax) return text;
  return fail(ErrorCode::invalid_request, "FILE", "the text must be at most {} bytes, got {}", kTextBytesMax,
              text.size());
}

// -log of the probability of `token`.
double surprise(const std::vector<float>& logits, int32_t token) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit - largest));
  return std::log(sum) - (logits[static_cast<size_t>(token)] - largest);
}

struct Total {
  double surprise = 0;
  int64_t tokens = 0;
};

// Each window is a sequence of its own; its first token is context only.
Result<Total> measure(const Options& options, std::span<const int32_t> ids) {
  MLXS_TRY(const std::unique_ptr<nn::Ops> ops, make_ops(options));
  MLXS_TRY(const models::LoadedModel loaded, models::load_model(options.model, *ops));
  const models::ReplayOptions replay{
      .prefill = options.decode ? 1 : 0, .chunk = 256, .all_positions = true, .kv_type = kv_type(options)};
  Progress bar("perplexity", options.json);
  Total total;
  for (size_t begin = 0; begin + 1 < ids.size(); begin += static_cast<size_t>(options.window)) {
    bar.show(static_cast<double>(begin) / static_cast<double>(ids.size()), "windows");
    const auto window = ids.subspan(begin, std::min(ids.size() - begin, static_cast<size_t>(options.window)));
    MLXS_TRY(const auto rows, models::replay(loaded, *ops, window, replay));
    for (size_t i = 0; i + 1 < window.size(); ++i) total.surprise += surprise(rows[i], window[i + 1]);
    total.tokens += static_cast<int64_t>(window.size()) - 1;
  }
  return total;
}

Result<int> run_perplexity(const Options& options) {
  const Interrupt interrupt;  // without an action: Ctrl-C ends the process with the exit code that main documents
  MLXS_TRY(const std::string text, read_text(options));
  MLXS_TRY(const auto tokenizer, text::Tokenizer::load(options.model));
  MLXS_TRY(const text::Encoding encoding, tokenizer->encode(text, {.add_special_tokens = false}));
  const std::vector<int32_t> ids(encoding.ids.begin(), encoding.ids.end());
  if (ids.size() < 2) {
    return fail(ErrorCode::invalid_request, "FILE", "the text must have at least 2 tokens, got {}", ids.size());
  }
  MLXS_TRY(const Total total, measure(options, ids));
  const double perplexity = std::exp(total.surprise / static_cast<double>(total.tokens));
  if (options.json) {
    const Json report = {{"perplexity", perplexity}, {"tokens", total.tokens}, {"bytes", text.size()}};
    std::cout << to_text(report) << "\n";
  } else {
    fmt::print("perplexity {:.5f} over {} tokens of {} bytes\n", perplexity, total.tokens, text.size());
  }
  return kExitOk;
}

}  // namespace

Runner declare_perplexity(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("MODEL", options->model, "Directory of the model.")->required();
  command.add_option("FILE", options->file, "The text; standard input without it.");
  command.add_option("--numerics", options->numerics, "As for run.")
      ->check(CLI::IsMember({"f32", "default", "fast"}))
      ->capture_default_str();
  command.add_option("--kv-type", options->kv_type, "As for run.")
      ->check(CLI::IsMember({"auto", "bf16", "f16", "int8"}))
      ->capture_default_str();
  command.add_option("--window", options->window, "Tokens that are read together, each window on its own.")
      ->check(CLI::Range(2, 1 << 20))
      ->capture_default_str();
  command.add_flag("--decode", options->decode, "Run tokens one by one, as decoding does, not as a prompt.");
  command.add_flag("--json", options->json, "One JSON object: perplexity, tokens, bytes.");
  return [options] { return run_perplexity(*options); };
}

}  // namespace mlxserving::cli
