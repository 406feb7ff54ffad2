#include "sampling/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "sampling/knobs.h"

namespace mlxserving::sampling {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> random_logits(size_t n, uint32_t seed, float spread = 3) {
  std::mt19937 random(seed);
  std::normal_distribution<float> bell(0, spread);
  std::vector<float> logits(n);
  for (float& x : logits) x = bell(random);
  return logits;
}

int32_t draw(const SamplingParams& params, const std::vector<float>& logits, TokenRoles roles = {}) {
  Workspace workspace;
  return Sampler(params, std::move(roles)).sample(logits, workspace)->id;
}

std::vector<double> distribution(const SamplingParams& params, const std::vector<float>& logits,
                                 TokenRoles roles = {}) {
  Workspace workspace;
  return *Sampler(params, std::move(roles)).distribution(logits, workspace);
}

std::vector<int32_t> support(const std::vector<double>& probabilities) {
  std::vector<int32_t> ids;
  for (size_t i = 0; i < probabilities.size(); ++i) {
    if (probabilities[i] > 0) ids.push_back(static_cast<int32_t>(i));
  }
  return ids;
}

using Ids = std::vector<int32_t>;

TEST(Sampler, greedy_takes_the_lowest_id_of_equal_logits) {
  EXPECT_EQ(draw({.temperature = 0}, {1, 5, 3, 5, 5}), 1);
  EXPECT_EQ(draw({.temperature = 1e-45}, {1, 5, 3, 5, 5}), 1);
  EXPECT_EQ(draw({.temperature = 0}, {-kInfinity, -kInfinity, -3}), 2);
}

TEST(Sampler, a_tiny_temperature_takes_the_most_likely) {
  for (const SamplerOrder order : {SamplerOrder::default_, SamplerOrder::mlx}) {
    EXPECT_EQ(draw({.temperature = 1e-30, .sampler_order = order}, {1, 5, 3}), 1);
  }
}

TEST(Sampler, top_k_keeps_exactly_k_and_of_equal_ones_the_lowest_ids) {
  EXPECT_EQ(support(distribution({.top_k = 2}, {1, 2, 2, 2, 0})), (Ids{1, 2}));
  EXPECT_EQ(support(distribution({.top_k = 1}, std::vector<float>(5000, 1))), (Ids{0}));
  EXPECT_EQ(support(distribution({.top_k = 5}, {1, 2, 3})).size(), 3U);
  EXPECT_EQ(support(distribution({.top_k = -1}, {1, 2, 3})).size(), 3U);
}

TEST(Sampler, top_p_of_zero_keeps_the_most_likely_and_in_mlx_order_is_off) {
  EXPECT_EQ(support(distribution({.top_p = 0}, {1, 2, 3})), (Ids{2}));
  EXPECT_EQ(support(distribution({.top_p = 0, .sampler_order = SamplerOrder::mlx}, {1, 2, 3})).size(), 3U);
}

TEST(Sampler, min_p_of_one_keeps_the_most_likely_ones) {
  EXPECT_EQ(support(distribution({.temperature = 0.3, .min_p = 1}, {3, 2, 3})), (Ids{0, 2}));
}

TEST(Sampler, xtc_drops_the_top_choices_but_the_last_and_the_exempt) {
  const std::vector<float> logits = {std::log(0.4F), std::log(0.3F), std::log(0.2F), std::log(0.1F)};
  const SamplingParams params = {.xtc_probability = 1, .xtc_threshold = 0.15};
  EXPECT_EQ(support(distribution(params, logits)), (Ids{2, 3}));
  EXPECT_EQ(support(distribution(params, logits, {.end_ids = {}, .xtc_exempt = {0}, .dry_breakers = {}})),
            (Ids{0, 2, 3}));
  const std::vector<double> mixed = distribution({.xtc_probability = 0.25, .xtc_threshold = 0.15}, logits);
  EXPECT_NEAR(mixed[0], 0.75 * 0.4, 1e-6);
}

TEST(Sampler, no_end_or_stop_token_before_min_tokens) {
  const std::vector<float> logits = {9, 8, 1, 0};
  const SamplingParams params = {.temperature = 0, .min_tokens = 2, .stop_token_ids = {1}};
  Sampler sampler(params, {.end_ids = {0}, .xtc_exempt = {}, .dry_breakers = {}});
  Workspace workspace;
  Ids ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(sampler.sample(logits, workspace)->id);
    sampler.append(ids.back());
  }
  EXPECT_EQ(ids, (Ids{2, 2, 0}));
}

TEST(Sampler, only_allowed_tokens_are_chosen) {
  const std::vector<float> logits = random_logits(1000, 1);
  std::vector<uint32_t> allowed(32);
  for (const size_t id : {3, 500, 999}) allowed[id / 32] |= 1U << (id % 32);
  Workspace workspace;
  const Sampler sampler({}, {});
  EXPECT_EQ(support(*sampler.distribution(logits, workspace, allowed)), (Ids{3, 500, 999}));
}

TEST(Sampler, logit_bias_is_added_and_foreign_ids_are_ignored) {
  EXPECT_EQ(draw({.temperature = 0, .logit_bias = {{2, 50}, {77, 100}}}, {3, 2, 1}), 2);
}

TEST(Sampler, broken_logits_are_an_error_not_a_token) {
  Workspace workspace;
  for (const float bad : {std::nanf(""), kInfinity}) {
    std::vector<float> logits(100, 1);
    logits[70] = bad;
    for (const double temperature : {0.0, 1.0}) {
      const Result<Sampled> sampled = Sampler({.temperature = temperature}, {}).sample(logits, workspace);
      ASSERT_FALSE(sampled.ok());
      EXPECT_EQ(sampled.error().message, "logits must be numbers below infinity, got NaN or +infinity");
    }
  }
  const std::vector<float> forbidden(100, -kInfinity);
  EXPECT_EQ(Sampler({}, {}).sample(forbidden, workspace).error().message,
            "no token of 100 is left to choose from: all are -infinity");
  EXPECT_FALSE(Sampler({}, {}).sample({}, workspace).ok());
}

TEST(Sampler, logprobs_are_those_of_the_model_whatever_the_knobs) {
  const std::vector<float> logits = random_logits(5000, 2);
  double total = 0;
  for (const float x : logits) total += std::exp(static_cast<double>(x));
  std::vector<int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return logits[a] > logits[b]; });
  const SamplingParams params = {.temperature = 0.5,
                                 .top_k = 3,
                                 .logit_bias = {{7, 100}},
                                 .seed = 3,
                                 .logprobs = true,
                                 .top_logprobs = kTopLogprobsMax};
  Workspace workspace;
  const Sampled sampled = *Sampler(params, {}).sample(logits, workspace);
  EXPECT_EQ(sampled.id, 7);
  EXPECT_NEAR(sampled.logprob, logits[7] - std::log(total), 2e-6);
  ASSERT_EQ(sampled.top.size(), static_cast<size_t>(kTopLogprobsMax));
  for (size_t i = 0; i < sampled.top.size(); ++i) {
    EXPECT_EQ(sampled.top[i].id, order[i]);
    EXPECT_NEAR(sampled.top[i].logprob, logits[order[i]] - std::log(total), 2e-6);
  }
}

TEST(Sampler, top_logprobs_of_equal_tokens_are_the_lowest_ids) {
  Workspace workspace;
  const std::vector<float> logits(3000, 1);
  const Sampled sampled = *Sampler({.logprobs = true, .top_logprobs = 3}, {}).sample(logits, workspace);
  const float logprob = -std::log(3000.0F);
  ASSERT_EQ(sampled.top.size(), 3U);
  for (int32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(sampled.top[i].id, i);
    EXPECT_NEAR(sampled.top[i].logprob, logprob, 1e-5);
  }
}

Ids sequence(Sampler& sampler, int tokens) {
  Workspace workspace;
  Ids ids;
  for (int i = 0; i < tokens; ++i) {
    ids.push_back(sampler.sample(random_logits(3000, static_cast<uint32_t>(i)), workspace)->id);
    sampler.append(ids.back());
  }
  return ids;
}

TEST(Sampler, a_seed_gives_the_same_tokens_and_another_seed_or_fork_others) {
  const SamplingParams params = {.temperature = 1.2, .xtc_probability = 0.5, .seed = 42};
  SamplingParams other = params;
  other.seed = 43;
  Sampler first(params, {});
  Sampler again(params, {});
  Sampler fork(params, {}, 1);
  Sampler seeded(other, {});
  const Ids ids = sequence(first, 30);
  EXPECT_EQ(sequence(again, 30), ids);
  EXPECT_NE(sequence(fork, 30), ids);
  EXPECT_NE(sequence(seeded, 30), ids);
}

TEST(Sampler, a_resumed_sequence_goes_on_as_if_it_had_never_stopped) {
  const SamplingParams params = {
      .repetition_penalty = 1.2, .frequency_penalty = 0.3, .penalty_last_n = 7, .dry_multiplier = 1, .seed = 9};
  const Ids prompt = {5, 6, 7, 5, 6};
  Sampler whole(params, {});
  whole.append_prompt(prompt);
  Sampler resumed(params, {});
  resumed.append_prompt(prompt);
  for (const int32_t id : sequence(whole, 20)) resumed.append(id);
  EXPECT_EQ(sequence(whole, 20), sequence(resumed, 20));
}

SamplingParams random_params(std::mt19937& random) {
  const auto maybe = [&](double on, double off) { return random() % 2 == 0 ? on : off; };
  const auto unit = [&] { return static_cast<double>(random() % 1000) / 1000; };
  SamplingParams params = {.temperature = maybe(0.2 + unit(), 1),
                           .top_k = static_cast<int32_t>(maybe(1 + random() % 900, 0)),
                           .top_p = maybe(unit(), 1),
                           .min_p = maybe(unit() * 0.1, 0),
                           .typical_p = maybe(unit() + 0.001, 1)};
  params.xtc_probability = maybe(0.5, 0);
  params.xtc_threshold = unit() / 2;
  params.repetition_penalty = maybe(1.2, 1);
  params.presence_penalty = maybe(0.4, 0);
  params.dry_multiplier = maybe(0.8, 0);
  if (random() % 2 == 0) params.sampler_order = SamplerOrder::mlx;
  if (random() % 2 == 0) params.logit_bias = {{1, 2.5}, {2, -1}};
  params.logprobs = random() % 2 == 0;
  params.top_logprobs = static_cast<int32_t>(random() % 21);
  params.seed = random();
  return params;
}

TEST(Sampler, every_instruction_set_draws_the_same_token_for_every_combination) {
  std::mt19937 random(17);
  const VocabOpsList list = runnable_vocab_ops();
  for (int round = 0; round < 400; ++round) {
    const SamplingParams params = random_params(random);
    ASSERT_TRUE(validate(params).ok());
    std::vector<float> logits = random_logits(1 + random() % 9000, random(), 0.5F + static_cast<float>(random() % 8));
    if (random() % 2 == 0) {
      for (float& x : logits) x = std::round(x * 4) / 4;  // many ties
    }
    std::vector<Sampled> drawn;
    for (size_t i = 0; i < list.count; ++i) {
      Sampler sampler(params, {.end_ids = {0}, .xtc_exempt = {0, 3}, .dry_breakers = {}});
      sampler.use(*list.ops[i]);
      sampler.append_prompt(Ids{1, 2, 3, 4, 1, 2, 3});
      Workspace workspace;
      drawn.push_back(*sampler.sample(logits, workspace));
      ASSERT_EQ(drawn[i].id, drawn[0].id) << list.ops[i]->isa << ", round " << round << " of seed 17";
      ASSERT_EQ(drawn[i].logprob, drawn[0].logprob);
      ASSERT_EQ(drawn[i].top, drawn[0].top);
    }
  }
}

TEST(Sampler, every_combination_gives_a_distribution_and_draws_inside_it) {
  std::mt19937 random(23);
  for (int round = 0; round < 400; ++round) {
    const SamplingParams params = random_params(random);
    const std::vector<float> logits = random_logits(2 + random() % 3000, random());
    Sampler sampler(params, {});
    Workspace workspace;
    const std::vector<double> p = *sampler.distribution(logits, workspace);
    ASSERT_NEAR(std::accumulate(p.begin(), p.end(), 0.0), 1, 1e-5) << "round " << round << " of seed 23";
    for (int i = 0; i < 5; ++i) {
      const int32_t id = sampler.sample(logits, workspace)->id;
      ASSERT_GT(p[static_cast<size_t>(id)], 0);
      sampler.append(id);
      if (params.repetition_penalty != 1 || params.presence_penalty != 0 || params.dry_multiplier != 0) break;
    }
  }
}

// Pearson's statistic of 20,000 seeded draws; its 99.9th percentile for the degrees of freedom by Wilson and Hilferty.
TEST(Sampler, draws_are_distributed_as_distribution_says) {
  const std::vector<float> logits = random_logits(60, 8, 1.5F);
  const SamplingParams cases[] = {
      {.temperature = 0.7},
      {.top_k = 10},
      {.top_p = 0.8},
      {.min_p = 0.1},
      {.typical_p = 0.7},
      {.xtc_probability = 0.4, .xtc_threshold = 0.05},
      {.temperature = 1.5, .top_p = 0.9, .min_p = 0.02, .sampler_order = SamplerOrder::mlx}};
  for (size_t c = 0; c < std::size(cases); ++c) {
    constexpr int kDraws = 20000;
    Sampler sampler(cases[c], {});
    Workspace workspace;
    const std::vector<double> p = *sampler.distribution(logits, workspace);
    std::vector<int> counts(p.size());
    for (int i = 0; i < kDraws; ++i) {
      const int32_t id = sampler.sample(logits, workspace)->id;
      ++counts[static_cast<size_t>(id)];
      sampler.append(id);  // no penalty is on: only the position moves
    }
    double statistic = 0;
    double bins = 0;
    for (size_t i = 0; i < p.size(); ++i) {
      ASSERT_TRUE(p[i] > 0 || counts[i] == 0);
      if (p[i] * kDraws < 5) continue;
      const double difference = counts[i] - p[i] * kDraws;
      statistic += difference * difference / (p[i] * kDraws);
      ++bins;
    }
    const double freedom = bins;
    const double bound = freedom * std::pow(1 - 2 / (9 * freedom) + 3.09 * std::sqrt(2 / (9 * freedom)), 3);
    EXPECT_LT(statistic, bound) << "case " << c;
  }
}

}  // namespace
}  // namespace mlxserving::sampling
