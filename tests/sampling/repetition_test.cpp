// Token counts and DRY against the same definitions computed from scratch at every token.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include "sampling/dry.h"
#include "sampling/token_counts.h"

namespace mlxserving::sampling {
namespace {

constexpr int32_t kVocabulary = 12;

std::vector<float> zeros() { return std::vector<float>(kVocabulary); }

// For every earlier place, how long the text before it equals the text's end: O(n * n).
std::vector<float> naive_dry(const std::vector<int32_t>& all, const SamplingParams& p,
                             const std::vector<int32_t>& breakers) {
  const size_t window = p.dry_penalty_last_n < 0 ? all.size() : static_cast<size_t>(p.dry_penalty_last_n);
  const std::vector<int32_t> text(all.end() - static_cast<ptrdiff_t>(std::min(window, all.size())), all.end());
  const auto breaks = [&](int32_t t) { return std::find(breakers.begin(), breakers.end(), t) != breakers.end(); };
  std::map<int32_t, size_t> longest;
  for (size_t end = 1; end < text.size(); ++end) {
    size_t length = 0;
    while (length < end && text[end - 1 - length] == text[text.size() - 1 - length] &&
           !breaks(text[end - 1 - length])) {
      ++length;
    }
    size_t& best = longest[text[end]];
    best = std::max(best, length);
  }
  std::vector<float> logits = zeros();
  for (const auto& [token, length] : longest) {
    if (breaks(token) || length < static_cast<size_t>(p.dry_allowed_length)) continue;
    const double penalty = p.dry_multiplier * std::pow(p.dry_base, static_cast<double>(length) - p.dry_allowed_length);
    logits[token] -= static_cast<float>(std::min(penalty, kDryPenaltyMax));
  }
  return logits;
}

TEST(Dry, equals_its_definition_at_every_token) {
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    SamplingParams params = {.dry_multiplier = 0.8, .dry_base = 1.25};
    params.dry_allowed_length = 1 + static_cast<int32_t>(random() % 4);
    params.dry_penalty_last_n = random() % 2 == 0 ? -1 : 1 + static_cast<int32_t>(random() % 40);
    const std::vector<int32_t> breakers = random() % 2 == 0 ? std::vector<int32_t>{} : std::vector<int32_t>{0, 5};
    const uint32_t kinds = 1 + random() % 6;
    Dry dry(params, breakers);
    std::vector<int32_t> text;
    for (int i = 0; i < 120; ++i) {
      text.push_back(static_cast<int32_t>(random() % kinds));
      dry.append(text.back());
      std::vector<float> logits = zeros();
      dry.apply(logits);
      const std::vector<float> expected = naive_dry(text, params, breakers);
      for (int32_t t = 0; t < kVocabulary; ++t) {
        ASSERT_NEAR(logits[t], expected[t], 1e-5 * std::fabs(expected[t])) << "round " << round << ", token " << i;
      }
    }
  }
}

TEST(Dry, follows_the_latest_matches_up_to_its_limit) {
  for (const size_t copies : {kDryMatchesMax - 1, kDryMatchesMax, kDryMatchesMax + 1}) {
    Dry dry({.dry_multiplier = 1, .dry_base = 1}, {});
    const auto append = [&](std::initializer_list<int32_t> tokens) {
      for (const int32_t token : tokens) dry.append(token);
    };
    append({1, 2, 7});  // the oldest place of "1 2": what follows it is 7
    for (size_t i = 0; i + 1 < copies; ++i) append({1, 2, 8});
    append({1, 2});
    std::vector<float> logits = zeros();
    dry.apply(logits);
    EXPECT_EQ(logits[8], -1);
    EXPECT_EQ(logits[7], copies <= kDryMatchesMax ? -1 : 0);
  }
}

TEST(Dry, a_penalty_beyond_float_stays_finite) {
  Dry dry({.dry_multiplier = 100, .dry_base = 8}, {});
  for (int i = 0; i < 2000; ++i) dry.append(1);
  std::vector<float> logits = zeros();
  dry.apply(logits);
  EXPECT_TRUE(std::isfinite(logits[1]));
  EXPECT_LT(logits[1], -1e8F);
}

TEST(Dry, breakers_are_the_tokens_that_contain_one) {
  const std::vector<std::string_view> tokens = {"a", "\n", " \n\n", "x:", "", "b"};
  const std::vector<std::string> breakers = {"\n", ":"};
  EXPECT_EQ(breaker_tokens(tokens, breakers), (std::vector<int32_t>{1, 2, 3}));
}

std::vector<float> naive_penalties(const std::vector<int32_t>& text, size_t prompt, const SamplingParams& p) {
  const bool mlx = p.sampler_order == SamplerOrder::mlx;
  const size_t window = p.penalty_last_n >= 0 ? static_cast<size_t>(p.penalty_last_n) : mlx ? 20 : text.size();
  std::vector<float> logits(kVocabulary);
  for (int32_t t = 0; t < kVocabulary; ++t) {
    float x = static_cast<float>(t) - 5.5F;
    int seen = 0;
    int generated = 0;
    for (size_t i = text.size() - std::min(window, text.size()); i < text.size(); ++i) {
      seen += text[i] == t;
      generated += text[i] == t && (mlx || i >= prompt);
    }
    if (seen > 0)
      x = x < 0 ? x * static_cast<float>(p.repetition_penalty) : x / static_cast<float>(p.repetition_penalty);
    if (generated > 0)
      x = x - static_cast<float>(p.presence_penalty) - static_cast<float>(p.frequency_penalty) * generated;
    logits[t] = x;
  }
  return logits;
}

TEST(TokenCounts, equal_their_definition_at_every_token) {
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    SamplingParams params = {.repetition_penalty = 1.3, .presence_penalty = 0.4, .frequency_penalty = -0.2};
    params.penalty_last_n = static_cast<int32_t>(random() % 30) - 1;
    if (random() % 2 == 0) params.sampler_order = SamplerOrder::mlx;
    const size_t prompt = random() % 30;
    TokenCounts counts(params);
    std::vector<int32_t> text;
    for (size_t i = 0; i < 60; ++i) {
      text.push_back(static_cast<int32_t>(random() % kVocabulary));
      counts.append(text.back(), i >= prompt);
      std::vector<float> logits(kVocabulary);
      for (int32_t t = 0; t < kVocabulary; ++t) logits[t] = static_cast<float>(t) - 5.5F;
      if (!counts.is_off()) counts.apply(logits);
      ASSERT_EQ(logits, naive_penalties(text, prompt, params)) << "round " << round << ", token " << i;
    }
  }
}

TEST(TokenCounts, ids_outside_the_vocabulary_are_ignored) {
  TokenCounts counts({.repetition_penalty = 2});
  counts.append(kVocabulary, true);
  counts.append(-1, true);
  std::vector<float> logits(kVocabulary, 1);
  counts.apply(logits);
  EXPECT_EQ(logits, std::vector<float>(kVocabulary, 1));
}

}  // namespace
}  // namespace mlxserving::sampling
