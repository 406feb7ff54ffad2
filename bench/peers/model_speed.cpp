// Runs a model of ours for peers.py: JSON commands on standard input, one answer a line, so that two peers can take
// turns in one run. Steps are built as the engine builds them; nothing is sampled, as in llama_cpp.py.
//   model_speed run MODEL [--numerics default] [--threads 2]
//   model_speed load MODEL     the time from nothing to the first token of a prompt of 16, and the engine's own
//   decoding model_speed gemm           the prefill kernel alone, on the matrices of Llama-3.2-1B model_speed machine
//   what the machine allows
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstring>
#include <iostream>
#include <memory>
#include <numeric>
#include <random>

#include "core/json.h"
#include "core/result.h"
#include "kernels/aligned_buffer.h"
#include "kernels/dispatch.h"
#include "kernels/linear.h"
#include "kernels/machine_limits.h"
#include "kernels/mlx_primitive.h"
#include "mlx/ops.h"
#include "mlxserving/engine.h"
#include "models/model.h"
#include "nn/cpu_ops.h"
#include "scheduler/scheduler.h"

namespace mlxserving {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int32_t kContext = 4608;
constexpr int32_t kSequences = 8;
constexpr int32_t kSequenceContext = 256;  // of each of several
constexpr int32_t kToken = 1000;

struct Options {
  std::string mode;
  std::string model;
  std::string numerics = "default";
  std::string kv = "bf16";
  std::string weights = "auto";
  int threads = 0;
  int32_t new_tokens = 128;
};

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

kernels::Numerics kernel_numerics(const std::string& name) {
  if (name == "f32") return kernels::Numerics::exact;
  return name == "fast" ? kernels::Numerics::fast : kernels::Numerics::standard;
}

// One sequence of kContext tokens, or kSequences of kSequenceContext, in pools of their own.
class Sequences {
 public:
  Sequences(const models::Model& model, nn::Ops& ops, int32_t count, int32_t length, nn::KvType type)
      : model_(model), ops_(ops), filled_(static_cast<size_t>(count)) {
    const int32_t pages = length / nn::kPageTokens;
    const std::vector<int32_t> pools(model.kv_layout().windows.size(), pages * count);
    kv_ = ops.make_kv_store(model.kv_layout(), pools, type);
    for (int32_t s = 0; s < count; ++s) {
      tables_.emplace_back(static_cast<size_t>(pages));
      std::iota(tables_.back().begin(), tables_.back().end(), s * pages);
    }
  }

  double prefill(int32_t tokens) {
    filled_[0] = 0;
    const auto begin = Clock::now();
    fill(0, tokens);
    return seconds_since(begin);
  }

  std::vector<double> decode(int32_t context, int32_t steps) {
    for (size_t s = 0; s < filled_.size(); ++s) fill(s, context);
    std::vector<double> seconds;
    for (int32_t i = 0; i < steps; ++i) {
      const auto begin = Clock::now();
      nn::Step step;
      for (size_t s = 0; s < filled_.size(); ++s) append(step, s, context + i, 1, nn::RowRole::decode);
      run(step);
      seconds.push_back(seconds_since(begin));
    }
    return seconds;
  }

 private:
  void append(nn::Step& step, size_t sequence, int32_t position, int32_t rows, nn::RowRole role) {
    const auto row = static_cast<int32_t>(step.tokens.size());
    for (int32_t i = 0; i < rows; ++i) {
      step.tokens.push_back(kToken + (position + i) * 7919 % 30000);
      step.positions.push_back(position + i);
    }
    const std::vector<nn::PageTable> tables(model_.kv_layout().windows.size(), tables_[sequence]);
    step.segments.push_back(
        {.row_begin = row, .row_count = rows, .position_begin = position, .role = role, .page_tables = tables});
    step.logit_rows.push_back(row + rows - 1);
  }

  void fill(size_t sequence, int32_t tokens) {
    int32_t& filled = filled_[sequence];
    while (filled < tokens) {
      const int32_t rows = std::min(tokens - filled, scheduler::kChunkTokens);
      nn::Step step;
      append(step, sequence, filled, rows, nn::RowRole::prefill);
      run(step);
      filled += rows;
    }
  }

  void run(const nn::Step& step) {
    ops_.begin_step(step);
    ops_.evaluate(model_.logits(step, *kv_));
    if (const auto error = ops_.take_error()) throw std::runtime_error(error->message);
  }

  const models::Model& model_;
  nn::Ops& ops_;
  std::unique_ptr<nn::KvStore> kv_;
  std::vector<std::vector<int32_t>> tables_;
  std::vector<int32_t> filled_;
};

nn::KvType kv_type(const std::string& name) { return name == "f16" ? nn::KvType::f16 : nn::KvType::bf16; }

Result<int> run_model(const Options& options) {
  const auto begin = Clock::now();
  MLXS_TRY(const auto ops,
           nn::make_cpu_ops({.threads = options.threads, .numerics = kernel_numerics(options.numerics)}));
  MLXS_TRY(const models::LoadedModel loaded, models::load_model(options.model, *ops));
  const nn::KvType type = kv_type(options.kv);
  Sequences one(*loaded.model, *ops, 1, kContext, type);
  Sequences several(*loaded.model, *ops, kSequences, kSequenceContext, type);
  std::cout << Json{{"ready", true},
                    {"load_seconds", seconds_since(begin)},
                    {"decode_bytes", loaded.sizes.decode_bytes},
                    {"layer_parameters", loaded.sizes.layer_parameters},
                    {"kv_bytes_token", loaded.sizes.kv_elements_token * 2}}
            << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    const Json command = Json::parse(line);
    if (command["do"] == "prefill") {
      std::cout << Json{{"seconds", one.prefill(command["tokens"])}} << std::endl;
    } else {
      Sequences& sequences = command["sequences"] == 1 ? one : several;
      std::cout << Json{{"step_seconds", sequences.decode(command["context"], command["steps"])}} << std::endl;
    }
  }
  return 0;
}

Result<Numerics> numerics_of(const std::string& name) {
  if (name == "f32") return Numerics::f32;
  return name == "fast" ? Numerics::fast : Numerics::standard;
}

// The engine as a user has it. Outside of kernels is what the clock says less the time in the bodies of primitives.
Result<int> run_load(const Options& options) {
  const auto begin = Clock::now();
  EngineOptions engine_options;
  MLXS_TRY(engine_options.numerics, numerics_of(options.numerics));
  engine_options.weights = options.weights == "map"    ? Weights::map
                           : options.weights == "copy" ? Weights::copy
                                                       : Weights::automatic;
  engine_options.threads = options.threads;
  engine_options.context_tokens_max = 2048;
  MLXS_TRY(const auto engine, Engine::load(options.model, engine_options));
  const double load_s = seconds_since(begin);
  GenerateRequest request{.prompt = TokenPrompt{std::vector<int32_t>(16, kToken)}};
  request.sampling.temperature = 0;
  request.sampling.max_tokens = options.new_tokens;
  request.sampling.ignore_eos = true;
  MLXS_TRY(const auto stream, engine->submit(std::move(request)));
  double first_s = 0;
  Clock::time_point decode_begin;
  double kernels_s = 0;
  while (auto event = stream->next()) {
    if (const auto* failed = std::get_if<Failed>(&*event)) return failed->error;
    if (first_s > 0) continue;
    first_s = seconds_since(begin);
    decode_begin = Clock::now();
    kernels_s = kernels::primitive_seconds();
  }
  const double decode_s = seconds_since(decode_begin);
  const double outside = 1 - (kernels::primitive_seconds() - kernels_s) / decode_s;
  std::cout << Json{{"load_seconds", load_s},
                    {"first_token_seconds", first_s},
                    {"decode_seconds", decode_s},
                    {"decode_tokens", options.new_tokens - 1},
                    {"outside_share", outside}}
            << std::endl;
  return 0;
}

struct Gemm {
  int64_t rows;
  int64_t columns;
  int tokens;
};

// Seconds of the fastest of several products with a matrix of 4 bits in groups of 64, or of bf16.
double time_gemm(kernels::ThreadPool& pool, const Gemm& shape, kernels::Numerics numerics, bool dense,
                 std::string& kernel_name) {
  const size_t weights = static_cast<size_t>(shape.rows * shape.columns);
  kernels::HugePages memory(weights * 2 + weights / 16);
  std::mt19937_64 random(1);
  for (size_t i = 0; i < memory.size(); i += 8) {
    const uint64_t word = (random() & 0x80FF80FF80FF80FFULL) | 0x3C003C003C003C00ULL;  // bf16 of about 0.01, or codes
    std::memcpy(memory.data() + i, &word, 8);
  }
  kernels::Matrix w{
      .type = kernels::Float::bf16, .rows = shape.rows, .columns = shape.columns, .weight = memory.data()};
  if (!dense) {
    w.packing = kernels::Packing::affine;
    w.bits = 4;
    w.group_size = 64;
    w.scales = memory.data() + weights / 2;
    w.biases = w.scales + weights / 32;
  }
  std::vector<float> x(static_cast<size_t>(shape.tokens * shape.columns));
  std::vector<float> y(static_cast<size_t>(shape.tokens * shape.rows));
  std::normal_distribution<float> normal;
  for (float& v : x) v = normal(random);
  const auto& table = *kernels::choose_kernels_from_environment().value();
  const kernels::LinearKernel* kernel = table.linear(w, numerics).prefill;
  kernel_name = kernel->name;
  kernels::Workspace workspace;
  const kernels::Product products[] = {{&w, kernel, {y.data(), shape.rows}}};
  double best = 1e9;
  for (int i = 0; i < 8; ++i) {
    const auto begin = Clock::now();
    kernels::multiply(pool, workspace, {x.data(), shape.columns, shape.tokens}, products);
    best = std::min(best, seconds_since(begin));
  }
  return best;
}

int run_gemm(const Options& options) {
  kernels::ThreadPool pool(options.threads > 0 ? options.threads : kernels::default_thread_count());
  Json rows = Json::array();
  for (const auto& [numerics, dense] : {std::pair{"default", false}, {"fast", false}, {"default", true}}) {
    for (const Gemm& shape : {Gemm{8192, 2048, 128}, {8192, 2048, 512}, {2048, 8192, 512}, {3072, 2048, 512}}) {
      std::string kernel;
      const double seconds = time_gemm(pool, shape, kernel_numerics(numerics), dense, kernel);
      const double operations = 2.0 * static_cast<double>(shape.rows * shape.columns * shape.tokens);
      rows.push_back({{"numerics", numerics},
                      {"weights", dense ? "bf16" : "4-bit g64"},
                      {"rows", shape.rows},
                      {"columns", shape.columns},
                      {"tokens", shape.tokens},
                      {"kernel", kernel},
                      {"operations_per_second", operations / seconds}});
    }
  }
  std::cout << rows << std::endl;
  return 0;
}

int run_machine(const Options& options) {
  const int threads = options.threads > 0 ? options.threads : kernels::default_thread_count();
  Json peaks = Json::object();
  for (const auto& peak : kernels::multiply_peaks(threads)) peaks[peak.unit] = peak.operations_per_second;
  std::string line;
  do {
    const auto read = kernels::read_bandwidth(threads);
    std::cout << Json{{"threads", threads},
                      {"kernels", kernels::runnable_kernels().back()->isa},
                      {"fork_join_seconds", kernels::fork_join_seconds()},
                      {"read_bytes_per_second", read.bytes_per_second},
                      {"read_streams", read.streams},
                      {"multiply_peaks", peaks}}
              << std::endl;
  } while (std::getline(std::cin, line));
  return 0;
}

Result<int> run(const Options& options) {
  if (options.mode == "machine") return run_machine(options);
  if (options.mode == "gemm") return run_gemm(options);
  return options.mode == "load" ? run_load(options) : run_model(options);
}

}  // namespace
}  // namespace mlxserving

int main(int argc, char** argv) {
  using namespace mlxserving;
  CLI::App app("Measures a model of ours for bench/peers/peers.py.");
  Options options;
  app.add_option("mode", options.mode)->required()->check(CLI::IsMember({"run", "load", "gemm", "machine"}));
  app.add_option("model", options.model);
  app.add_option("--numerics", options.numerics)->check(CLI::IsMember({"f32", "default", "fast"}));
  app.add_option("--kv-type", options.kv)->check(CLI::IsMember({"bf16", "f16"}));
  app.add_option("--weights", options.weights)->check(CLI::IsMember({"auto", "map", "copy"}));
  app.add_option("--threads", options.threads);
  app.add_option("--new-tokens", options.new_tokens);
  CLI11_PARSE(app, argc, argv);
  const auto status = run(options);
  if (status) return *status;
  std::cerr << "model_speed: " << status.error().message << "\n";
  return 1;
}
