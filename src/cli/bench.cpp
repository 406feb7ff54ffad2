// `mlx-serving bench`: how fast a model runs here, and how near that is to what the memory allows.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <map>
#include <random>
#include <utility>

#include "cli/command.h"
#include "cli/engine_flags.h"
#include "cli/interrupt.h"
#include "core/json.h"
#include "core/result.h"
#include "kernels/machine_limits.h"
#include "models/survey.h"

namespace mlxserving::cli {
namespace {

struct Options {
  explicit Options(CLI::App& command) : engine(command) {}

  EngineFlags engine;
  std::vector<int32_t> prompt_tokens = {128, 512};
  int32_t new_tokens = 128;
  int repeat = 3;
  bool json = false;
};

// One prompt length: the best of the repetitions, because neighbours on a machine only ever slow it.
struct Row {
  int32_t prompt_tokens = 0;
  double first_token_ms = 0;
  double prefill_tokens_per_second = 0;
  double decode_tokens_per_second = 0;
  double bytes_per_second = 0;       // weights and KV read while decoding
  double operations_per_second = 0;  // of the layers' products, while prefilling
};

// What the machine allows: reading for decode, multiplying for prefill.
struct Limits {
  kernels::ReadBandwidth read;
  kernels::MultiplyPeak multiply;  // of the unit that the model's prefill runs on; 0: not measured on this machine
};

// The unit that multiplies most of the layers' weights with prompts; the embedding and the head see one row of them.
Result<std::string> multiply_unit(const std::string& model_dir, Numerics numerics) {
  if (numerics == Numerics::f32) return std::string("f32 fma");
  MLXS_TRY(const models::ModelSurvey survey, models::survey_model(model_dir));
  std::map<std::string, int64_t> weights;  // by kernel
  for (const auto& matrix : survey.matrices) {
    if (matrix.name.find(".layers.") != std::string::npos) weights[matrix.prefill] += matrix.rows * matrix.columns;
  }
  const auto most = std::ranges::max_element(weights, {}, [](const auto& entry) { return entry.second; });
  const auto runs_on = [&](const char* unit) {
    return most != weights.end() && most->first.find(unit) != std::string::npos;
  };
  if (runs_on("amx")) return std::string("bf16 amx");
  if (runs_on("bf16")) return std::string("bf16 vdpbf16ps");
  return std::string(runs_on("vnni") ? "int8 vpdpbusd" : "f32 fma");
}

// Activations of 15 bits take two instructions of 8.
Limits measure_limits(const std::string& unit, Numerics numerics, int threads) {
  Limits limits{.read = kernels::read_bandwidth(threads), .multiply = {}};
  for (const auto& peak : kernels::multiply_peaks(threads)) {
    if (peak.unit == unit) limits.multiply = peak;
  }
  if (unit == "int8 vpdpbusd" && numerics == Numerics::standard) {
    limits.multiply = {"15-bit vpdpbusd", limits.multiply.operations_per_second / 2};
  }
  return limits;
}

// Random tokens of the vocabulary's middle, where ordinary words live; another prompt for every `seed`, so that none
// finds its beginning in the prefix cache.
std::vector<int32_t> random_prompt(int32_t length, int32_t vocabulary_size, uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int32_t> token(vocabulary_size / 8, vocabulary_size / 2);
  std::vector<int32_t> ids(static_cast<size_t>(length));
  std::generate(ids.begin(), ids.end(), [&] { return token(random); });
  return ids;
}

Result<Finished> run_once(Engine& engine, std::vector<int32_t> prompt, int32_t new_tokens, Interrupt& interrupt) {
  GenerateRequest request{.prompt = TokenPrompt{std::move(prompt)}};
  request.sampling.temperature = 0;
  request.sampling.max_tokens = new_tokens;
  request.sampling.ignore_eos = true;
  MLXS_TRY(const auto stream, engine.submit(std::move(request)));
  interrupt.on_signal([&] { stream->cancel(); });
  while (auto event = stream->next()) {
    if (const auto* failed = std::get_if<Failed>(&*event)) return failed->error;
    if (const auto* finished = std::get_if<Finished>(&*event)) {
      if (finished->reason == FinishReason::cancelled) return fail(ErrorCode::cancelled, "", "interrupted");
      return *finished;
    }
  }
  return fail(ErrorCode::internal, "", "the stream ended without a result");
}

Result<Row> measure(Engine& engine, int32_t prompt_tokens, const Options& options, Interrupt& interrupt) {
  const ModelInfo& info = engine.info();
  Row row{.prompt_tokens = prompt_tokens};
  for (int i = 0; i < options.repeat; ++i) {
    const auto seed = static_cast<uint32_t>(prompt_tokens * options.repeat + i);
    auto prompt = random_prompt(prompt_tokens, info.vocabulary_size, seed);
    MLXS_TRY(const Finished run, run_once(engine, std::move(prompt), options.new_tokens, interrupt));
    const double first_ms = run.timings.first_token_ms;
    row.first_token_ms = i == 0 ? first_ms : std::min(row.first_token_ms, first_ms);
    row.prefill_tokens_per_second =
        std::max(row.prefill_tokens_per_second, run.timings.prefill_tokens_per_second(run.usage));
    row.decode_tokens_per_second =
        std::max(row.decode_tokens_per_second, run.timings.decode_tokens_per_second(run.usage));
  }
  const double context = prompt_tokens + options.new_tokens / 2.0;
  const double bytes =
      static_cast<double>(info.bytes_per_token) + context * static_cast<double>(info.kv_bytes_per_token);
  row.bytes_per_second = row.decode_tokens_per_second * bytes;
  row.operations_per_second = row.prefill_tokens_per_second * 2 * static_cast<double>(info.layer_parameter_count);
  return row;
}

void print_json(const ModelInfo& info, double load_s, const Limits& limits, const std::vector<Row>& rows) {
  Json results = Json::array();
  for (const Row& row : rows) {
    Json result = {{"prompt_tokens", row.prompt_tokens},
                   {"first_token_ms", row.first_token_ms},
                   {"prefill_tokens_per_second", row.prefill_tokens_per_second},
                   {"prefill_operations_per_second", row.operations_per_second},
                   {"decode_tokens_per_second", row.decode_tokens_per_second},
                   {"decode_bytes_per_second", row.bytes_per_second},
                   {"read_bandwidth_share", row.bytes_per_second / limits.read.bytes_per_second}};
    if (limits.multiply.operations_per_second > 0) {
      result["multiply_peak_share"] = row.operations_per_second / limits.multiply.operations_per_second;
    }
    results.push_back(std::move(result));
  }
  const Json report = {{"model", info.name},
                       {"architecture", info.architecture},
                       {"kernels", info.kernels},
                       {"weights", info.weights},
                       {"threads", info.threads},
                       {"parameters", info.parameter_count},
                       {"weight_bytes", info.weight_bytes},
                       {"bytes_per_token", info.bytes_per_token},
                       {"load_seconds", load_s},
                       {"read_bandwidth_bytes_per_second", limits.read.bytes_per_second},
                       {"read_streams", limits.read.streams},
                       {"multiply_unit", limits.multiply.unit},
                       {"multiply_peak_operations_per_second", limits.multiply.operations_per_second},
                       {"results", results}};
  std::cout << to_text(report, 2) << "\n";
}

void print_table(const ModelInfo& info, double load_s, const Limits& limits, const std::vector<Row>& rows) {
  fmt::print("{} ({}), {:.1f} M parameters, {:.1f} MB of weights, {} threads, {}, weights by {}\n", info.name,
             info.architecture, static_cast<double>(info.parameter_count) / 1e6,
             static_cast<double>(info.weight_bytes) / 1e6, info.threads, info.kernels, info.weights);
  fmt::print("loaded in {:.3f} s; with as many threads this machine reads {:.1f} GB/s from memory", load_s,
             limits.read.bytes_per_second / 1e9);
  const double peak = limits.multiply.operations_per_second;
  if (peak > 0) fmt::print(" and multiplies {:.0f} GFLOP/s ({})", peak / 1e9, limits.multiply.unit);
  fmt::print("\n\n{:>8} {:>14} {:>14} {:>8} {:>14} {:>12} {:>10}\n", "prompt", "first token", "prefill", "of peak",
             "decode", "reads", "of memory");
  for (const Row& row : rows) {
    const std::string share = peak > 0 ? fmt::format("{:.0f} %", 100 * row.operations_per_second / peak) : "-";
    fmt::print("{:>8} {:>11.1f} ms {:>10.0f} t/s {:>8} {:>10.1f} t/s {:>7.1f} GB/s {:>8.0f} %\n", row.prompt_tokens,
               row.first_token_ms, row.prefill_tokens_per_second, share, row.decode_tokens_per_second,
               row.bytes_per_second / 1e9, 100 * row.bytes_per_second / limits.read.bytes_per_second);
  }
}

Result<int> run_bench(const Options& options) {
  Interrupt interrupt;
  const auto begin = std::chrono::steady_clock::now();
  MLXS_TRY(const auto engine, options.engine.load(options.json));
  const double load_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  MLXS_TRY(const Numerics numerics, options.engine.numerics());
  MLXS_TRY(const std::string unit, multiply_unit(options.engine.model_dir(), numerics));
  const Limits limits = measure_limits(unit, numerics, engine->info().threads);
  std::vector<Row> rows;
  for (const int32_t prompt_tokens : options.prompt_tokens) {
    MLXS_TRY(rows.emplace_back(), measure(*engine, prompt_tokens, options, interrupt));
  }
  (options.json ? print_json : print_table)(engine->info(), load_s, limits, rows);
  return kExitOk;
}

}  // namespace

Runner declare_bench(CLI::App& command) {
  auto options = std::make_shared<Options>(command);
  command.add_option("--prompt-tokens", options->prompt_tokens, "Prompt lengths to measure.")
      ->delimiter(',')
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  command.add_option("--new-tokens", options->new_tokens, "Tokens to decode after each prompt.")
      ->check(CLI::Range(2, 1 << 20))
      ->capture_default_str();
  command.add_option("--repeat", options->repeat, "Runs of each; the best is shown.")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command.add_flag("--json", options->json, "Print one JSON object.");
  return [options] { return run_bench(*options); };
}

}  // namespace mlxserving::cli
