// Features compose: each pair of them in one request, in an engine under load, gives the bits of that request alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "engine/live_engine.h"
#include "mlxserving/engine.h"
#include "nn/kv_view.h"
#include "support/tiny_model.h"

namespace mlxserving {
namespace {

enum class Feature {
  greedy,
  seed,
  logprobs,
  penalties,
  stop_strings,
  answers,
  prefix_hit,
  neighbour_cancelled,
  preemption,
  long_prompt,
  sliding_window,
  kv_int8,
  constraint,
};
constexpr Feature kFeatures[] = {
    Feature::greedy,       Feature::seed,        Feature::logprobs,       Feature::penalties,
    Feature::stop_strings, Feature::answers,     Feature::prefix_hit,     Feature::neighbour_cancelled,
    Feature::preemption,   Feature::long_prompt, Feature::sliding_window, Feature::kv_int8,
    Feature::constraint};

const char* name(Feature feature) {
  switch (feature) {
    case Feature::greedy: return "greedy";
    case Feature::seed: return "seed";
    case Feature::logprobs: return "logprobs";
    case Feature::penalties: return "penalties";
    case Feature::stop_strings: return "stop strings";
    case Feature::answers: return "answers";
    case Feature::prefix_hit: return "prefix hit";
    case Feature::neighbour_cancelled: return "neighbour cancelled";
    case Feature::preemption: return "preemption";
    case Feature::long_prompt: return "long prompt";
    case Feature::sliding_window: return "sliding window";
    case Feature::kv_int8: return "KV in 8 bits";
    case Feature::constraint: return "constraint";
  }
  return "";
}

using Features = std::vector<Feature>;
bool has(const Features& features, Feature feature) { return std::ranges::find(features, feature) != features.end(); }

// What a reader can see of one answer.
struct Answer {
  std::vector<int32_t> ids;
  std::string text;
  std::vector<float> logprobs;
  std::optional<FinishReason> reason;
  bool operator==(const Answer&) const = default;
};
struct Read {
  std::map<int32_t, Answer> answers;
  Usage usage;
};

Read read_all(Stream& stream) {
  Read read;
  while (auto event = stream.next()) {
    if (const auto* delta = std::get_if<TextDelta>(&*event)) {
      Answer& answer = read.answers[delta->answer];
      EXPECT_FALSE(answer.reason) << "a token after the end";
      answer.ids.push_back(delta->token_id);
      answer.text += delta->text;
      if (delta->logprob) answer.logprobs.push_back(delta->logprob->logprob);
    } else if (const auto* finished = std::get_if<Finished>(&*event)) {
      Answer& answer = read.answers[finished->answer];
      EXPECT_FALSE(answer.reason) << "two ends";
      answer.reason = finished->reason;
      answer.text += finished->text;
      read.usage = finished->usage;
    } else if (const auto* failed = std::get_if<Failed>(&*event)) {
      ADD_FAILURE() << failed->error.message;
    }
  }
  return read;
}

std::vector<int32_t> random_prompt(int32_t tokens, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<int32_t> ids(static_cast<size_t>(tokens));
  for (int32_t& id : ids) id = 'a' + static_cast<int32_t>(random() % 26);
  return ids;
}

GenerateRequest neighbour(uint32_t seed) {
  GenerateRequest request{.prompt = TokenPrompt{random_prompt(600, 1000 + seed)}, .priority = Priority::high};
  request.sampling.seed = seed;
  request.sampling.max_tokens = 220;
  request.sampling.ignore_eos = true;
  return request;
}

GenerateRequest request_with(const Features& features) {
  const int32_t prompt_tokens = has(features, Feature::long_prompt) ? 590 : 230;
  GenerateRequest request{.prompt = TokenPrompt{random_prompt(prompt_tokens, 5)}, .priority = Priority::low};
  SamplingParams& sampling = request.sampling;
  sampling.max_tokens = 70;
  sampling.ignore_eos = true;
  sampling.temperature = has(features, Feature::greedy) ? 0 : 0.9;
  sampling.seed = has(features, Feature::seed) ? 77 : 1;
  sampling.logprobs = has(features, Feature::logprobs);
  sampling.top_logprobs = has(features, Feature::logprobs) ? 2 : 0;
  if (has(features, Feature::penalties)) {
    sampling.repetition_penalty = 1.2;
    sampling.frequency_penalty = 0.3;
    sampling.dry_multiplier = 0.5;
  }
  if (has(features, Feature::stop_strings)) sampling.stop = {"e", "\n\n"};
  if (has(features, Feature::constraint)) request.constraint = RegexConstraint{"[a-m ]{60,80}"};
  if (has(features, Feature::answers)) request.answers = 3;
  return request;
}

class CompositionMatrix : public testing::Test {
 protected:
  const test::TinyModel& model(const Features& features) const {
    return has(features, Feature::sliding_window) ? sliding_ : full_;
  }
  static std::unique_ptr<Engine> load(const test::TinyModel& model, const EngineOptions& options) {
    auto engine = Engine::load(model.dir(), options);
    EXPECT_TRUE(engine) << engine.error().message;
    return std::move(*engine);
  }

  static EngineOptions roomy(const Features& features) {
    EngineOptions options{.threads = 2, .warm_up = false};
    if (has(features, Feature::kv_int8)) options.kv_type = KvCacheType::int8;
    return options;
  }

  Read alone(const Features& features) const {
    EngineOptions options = roomy(features);
    options.threads = 1;
    options.prefix_cache = false;
    const auto engine = load(model(features), options);
    return read_all(**engine->submit(request_with(features)));
  }

  // Full pages for four neighbours and the request as they begin, and six more: soon they outgrow them. Sliding layers
  // have two rings of ten pages, which is enough.
  static EngineOptions tight(const Features& features) {
    const int64_t prompt_pages = std::get<TokenPrompt>(request_with(features).prompt).ids.size() / 32 + 1;
    const int64_t full_pages = 4 * 19 + prompt_pages + 6;
    const bool is_int8 = has(features, Feature::kv_int8);
    const int64_t layer_page =
        32 * nn::kv_token_bytes({.kv_heads = 2, .head_dim = 8}, is_int8 ? nn::KvType::int8 : nn::KvType::bf16);
    EngineOptions options = roomy(features);
    options.context_tokens_max = 1024;
    options.kv_bytes =
        has(features, Feature::sliding_window) ? (full_pages + 20) * layer_page : full_pages * 2 * layer_page;
    return options;
  }

  Read under_load(const Features& features) const {
    const bool preempts = has(features, Feature::preemption);
    const auto engine = load(model(features), preempts ? tight(features) : roomy(features));
    std::vector<std::unique_ptr<Stream>> others;
    for (uint32_t i = 0; i < 4; ++i) others.push_back(*engine->submit(neighbour(i)));
    for (const auto& other : others) EXPECT_TRUE(other->next());
    if (has(features, Feature::prefix_hit)) {
      GenerateRequest before = request_with({});
      before.prompt = request_with(features).prompt;
      before.sampling.max_tokens = 1;
      read_all(**engine->submit(before));
    }
    const auto stream = *engine->submit(request_with(features));
    if (has(features, Feature::neighbour_cancelled)) {
      others.pop_back();  // dropped: cancelled
      others.front()->cancel();
    }
    const Read read = read_all(*stream);
    for (const auto& other : others) read_all(*other);
    const bool must_preempt = preempts && !has(features, Feature::neighbour_cancelled);
    EXPECT_GE(engine->metrics().preemptions, must_preempt ? 1U : 0U);
    EXPECT_EQ(engine->metrics().invalid_transitions, 0U);
    return read;
  }

  void compare(const Features& features) const {
    std::string trace;
    for (const Feature feature : features) trace += std::string(trace.empty() ? "" : " + ") + name(feature);
    SCOPED_TRACE(trace);
    const Read expected = alone(features);
    const Read read = under_load(features);
    EXPECT_EQ(expected.answers.size(), has(features, Feature::answers) ? 3U : 1U);
    for (const auto& [index, answer] : expected.answers) {
      ASSERT_TRUE(read.answers.contains(index));
      EXPECT_EQ(read.answers.at(index).ids, answer.ids) << "answer " << index;
      EXPECT_EQ(read.answers.at(index), answer) << "answer " << index;
    }
    if (has(features, Feature::prefix_hit) && !has(features, Feature::preemption)) {
      EXPECT_GT(read.usage.cached_tokens, 0);
    }
  }

  test::TinyModel full_;
  test::TinyModel sliding_{{.sliding_window = 16, .full_layer = true}};
};

TEST_F(CompositionMatrix, every_pair_of_features_gives_the_bits_of_the_request_alone) {
  for (const Feature a : kFeatures) {
    for (const Feature b : kFeatures) {
      if (a < b) compare({a, b});
    }
  }
}

TEST_F(CompositionMatrix, all_features_together_too) { compare(Features(std::begin(kFeatures), std::end(kFeatures))); }

}  // namespace
}  // namespace mlxserving
