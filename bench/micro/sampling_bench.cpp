// What one token costs: a vocabulary of 152k on one thread, each knob and combinations, on three shapes of logits.
// MLXS_FORCE_ISA chooses the passes (scalar, avx2, avx512).
#include <benchmark/benchmark.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "sampling/sampler.h"

namespace mlxserving::sampling {
namespace {

constexpr size_t kVocabulary = 151936;  // Qwen3's

// `model` looks like a language model's: a broad bell with a short steep head. `flat` keeps nearly every token through
// every filter, the worst case for each. `coarse` is `model` rounded as bf16 does, where many logits are equal.
std::vector<float> logits_of(const std::string& shape) {
  std::mt19937 random(1);
  std::normal_distribution<float> bell;
  std::vector<float> logits(kVocabulary);
  for (float& x : logits) x = shape == "flat" ? 0.5F * bell(random) : 2.2F * bell(random);
  if (shape == "flat") return logits;
  for (size_t i = 0; i < 200; ++i) logits[i * 731 % kVocabulary] = 18 - 1.5F * std::log(static_cast<float>(i + 1));
  if (shape == "model") return logits;
  for (float& x : logits) {
    uint32_t bits = 0;
    __builtin_memcpy(&bits, &x, sizeof x);
    bits &= 0xFFFF0000;
    __builtin_memcpy(&x, &bits, sizeof x);
  }
  return logits;
}

struct Case {
  const char* name;
  SamplingParams params;
};

std::vector<Case> cases() {
  std::vector<TokenBias> biases;
  for (int32_t i = 0; i < 300; ++i) biases.push_back({i * 500, 1});
  SamplingParams everything = {.temperature = 0.8,
                               .top_k = 100000,
                               .top_p = 0.95,
                               .min_p = 0.001,
                               .typical_p = 0.95,
                               .xtc_probability = 1,
                               .xtc_threshold = 0.0001,
                               .repetition_penalty = 1.1,
                               .presence_penalty = 0.5,
                               .frequency_penalty = 0.5,
                               .dry_multiplier = 0.8,
                               .logit_bias = biases,
                               .logprobs = true,
                               .top_logprobs = 20,
                               .min_tokens = 1000000};
  SamplingParams everything_mlx = everything;
  everything_mlx.sampler_order = SamplerOrder::mlx;
  return {
      {"greedy", {.temperature = 0}},
      {"temperature", {.temperature = 0.8}},
      {"top_k_50", {.top_k = 50}},
      {"top_k_100000", {.top_k = 100000}},
      {"top_p", {.top_p = 0.95}},
      {"min_p", {.min_p = 0.05}},
      {"typical_p", {.typical_p = 0.95}},
      {"xtc", {.xtc_probability = 1}},
      {"penalties", {.repetition_penalty = 1.1, .presence_penalty = 0.5, .frequency_penalty = 0.5}},
      {"dry", {.dry_multiplier = 0.8}},
      {"logit_bias", {.logit_bias = biases}},
      {"logprobs_20", {.logprobs = true, .top_logprobs = 20}},
      {"greedy_logprobs_20", {.temperature = 0, .logprobs = true, .top_logprobs = 20}},
      {"top_k_top_p", {.temperature = 0.7, .top_k = 20, .top_p = 0.8}},
      {"top_p_min_p_penalties", {.top_p = 0.95, .min_p = 0.05, .repetition_penalty = 1.1}},
      {"everything", everything},
      {"everything_mlx", everything_mlx},
  };
}

void sample_one(benchmark::State& state, const std::string& shape, const SamplingParams& params) {
  const std::vector<float> logits = logits_of(shape);
  Workspace workspace;
  Sampler sampler(params, {.end_ids = {7}, .xtc_exempt = {198, 7}, .dry_breakers = {}});
  std::mt19937 random(2);
  for (int i = 0; i < 4096; ++i) sampler.append(static_cast<int32_t>(random() % 3000));
  for (auto _ : state) benchmark::DoNotOptimize(sampler.sample(logits, workspace)->id);
}

// What the state costs a token: a text of `n` tokens appended, random or all the same.
void append_tokens(benchmark::State& state, bool same) {
  constexpr int kTokens = 100000;
  for (auto _ : state) {
    Sampler sampler({.repetition_penalty = 1.1, .penalty_last_n = 1000, .dry_multiplier = 0.8}, {});
    std::mt19937 random(3);
    for (int i = 0; i < kTokens; ++i) sampler.append(same ? 1 : static_cast<int32_t>(random() % 3000));
  }
  state.counters["ns_per_token"] =
      benchmark::Counter(kTokens * 1e-9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

[[maybe_unused]] const bool registered = [] {
  for (const char* shape : {"model", "flat", "coarse"}) {
    for (const Case& c : cases()) {
      benchmark::RegisterBenchmark((std::string(shape) + "/" + c.name).c_str(), sample_one, shape, c.params)
          ->Unit(benchmark::kMicrosecond);
    }
  }
  benchmark::RegisterBenchmark("append/random", append_tokens, false)->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark("append/same", append_tokens, true)->Unit(benchmark::kMillisecond);
  return true;
}();

}  // namespace
}  // namespace mlxserving::sampling
