#include "sampling/knobs.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "core/read_file.h"

namespace mlxserving::sampling {
namespace {

Result<void> read(SamplingParams& params, const char* name, const char* json) {
  const Knob* knob = find_knob(name);
  if (knob == nullptr) return Error{ErrorCode::internal, "no such knob", name};
  return read_knob(params, *knob, *parse_json(json, "test"));
}

std::string error_of(const char* name, const char* json) {
  SamplingParams params;
  const Result<void> result = read(params, name, json);
  return result ? "" : result.error().message;
}

TEST(Knobs, every_row_has_its_own_name_member_and_text) {
  std::set<std::string> names;
  std::set<const void*> members;
  const SamplingParams params;
  for (const Knob& knob : kKnobs) {
    EXPECT_TRUE(names.insert(knob.name).second) << knob.name;
    EXPECT_EQ(find_knob(knob.name), &knob);
    std::visit([&](auto member) { EXPECT_TRUE(members.insert(&(params.*member)).second) << knob.name; }, knob.field);
    EXPECT_GT(std::string_view(knob.doc).size(), 20U) << knob.name;
  }
  EXPECT_EQ(find_knob("topk"), nullptr);
}

TEST(Knobs, defaults_are_allowed_values) {
  EXPECT_TRUE(validate({}).ok());
  for (const Knob& knob : kKnobs) {
    SamplingParams params;
    EXPECT_TRUE(read_knob(params, knob, *parse_json(default_of(knob), "default")).ok()) << knob.name;
    EXPECT_TRUE(read_knob(params, knob, nullptr).ok()) << knob.name;
  }
}

TEST(Knobs, errors_name_the_knob_what_was_seen_and_what_is_allowed) {
  EXPECT_EQ(error_of("temperature", "3"), "temperature must be in [0, 2], got 3");
  EXPECT_EQ(error_of("temperature", "\"hot\""), "temperature must be a number, got \"hot\"");
  EXPECT_EQ(error_of("typical_p", "0"), "typical_p must be in (0, 1], got 0");
  EXPECT_EQ(error_of("top_k", "1.5"), "top_k must be an integer in [-1, 2147483647], got 1.5");
  EXPECT_EQ(error_of("top_k", "5000000000"), "top_k must be in [-1, 2147483647], got 5000000000");
  EXPECT_EQ(error_of("top_logprobs", "21"), "top_logprobs must be in [0, 20], got 21");
  EXPECT_EQ(error_of("sampler_order", "\"x\""), "sampler_order must be \"default\" or \"mlx\", got \"x\"");
  EXPECT_EQ(error_of("stop", "[1]"), "stop must be a string or a list of strings, got 1");
  EXPECT_EQ(error_of("stop", "[\"\"]"), "stop[0] must have 1 to 512 bytes, got 0");
  EXPECT_EQ(error_of("logit_bias", "{\"x\": 1}"), "logit_bias must have token ids as keys, got \"x\"");
  EXPECT_EQ(error_of("logit_bias", "{\"7\": 101}"), "logit_bias must be in [-100, 100], got 101");
  EXPECT_EQ(error_of("logprobs", "1"), "logprobs must be true or false, got 1");
  EXPECT_EQ(error_of("seed", "18446744073709551615"),
            "seed must be in [-9223372036854775808, 9223372036854775807], got 18446744073709551615");
}

TEST(Knobs, a_refused_value_changes_nothing) {
  SamplingParams params{.stop = {"a"}};
  EXPECT_FALSE(read(params, "stop", "[\"b\", \"\"]").ok());
  EXPECT_EQ(params.stop, std::vector<std::string>{"a"});
}

TEST(Knobs, numeric_limits_hold_at_and_one_step_beyond) {
  for (const Knob& knob : kKnobs) {
    const auto* number = std::get_if<KnobMember<double>>(&knob.field);
    if (number == nullptr) continue;
    SamplingParams params;
    params.** number = knob.range.max;
    EXPECT_TRUE(validate(params).ok()) << knob.name;
    params.** number = std::nextafter(knob.range.max, 1e9);
    EXPECT_FALSE(validate(params).ok()) << knob.name;
    params.** number = knob.range.min;
    EXPECT_EQ(validate(params).ok(), !knob.range.above_min) << knob.name;
    params.** number = std::nextafter(knob.range.min, -1e9);
    EXPECT_FALSE(validate(params).ok()) << knob.name;
    params.** number = std::nan("");
    EXPECT_EQ(validate(params).error().param, knob.name);
  }
}

TEST(Knobs, list_limits_hold_one_below_at_and_one_above) {
  for (const size_t count : {kStopStringsMax - 1, kStopStringsMax, kStopStringsMax + 1}) {
    EXPECT_EQ(validate({.stop = std::vector<std::string>(count, "x")}).ok(), count <= kStopStringsMax);
  }
  for (const size_t bytes : {kStopBytesMax - 1, kStopBytesMax, kStopBytesMax + 1}) {
    EXPECT_EQ(validate({.stop = {std::string(bytes, 'x')}}).ok(), bytes <= kStopBytesMax);
  }
  for (const size_t count : {kStopTokensMax - 1, kStopTokensMax, kStopTokensMax + 1}) {
    EXPECT_EQ(validate({.stop_token_ids = std::vector<int32_t>(count, 1)}).ok(), count <= kStopTokensMax);
  }
  for (const size_t count : {kLogitBiasMax - 1, kLogitBiasMax, kLogitBiasMax + 1}) {
    EXPECT_EQ(validate({.logit_bias = std::vector<TokenBias>(count, TokenBias{1, 1})}).ok(), count <= kLogitBiasMax);
  }
  for (const size_t count : {kDryBreakersMax - 1, kDryBreakersMax, kDryBreakersMax + 1}) {
    EXPECT_EQ(validate({.dry_sequence_breakers = std::vector<std::string>(count, "x")}).ok(), count <= kDryBreakersMax);
  }
}

TEST(Knobs, json_reads_every_type) {
  const Json object = *parse_json(
      R"({"temperature": 0.5, "top_k": 40.0, "stop": "END", "stop_token_ids": [1, 2], "logit_bias": {"5": -100},
          "seed": -1, "max_tokens": null, "logprobs": true, "sampler_order": "mlx", "model": "x"})",
      "test");
  const SamplingParams params = *read_knobs(object);
  EXPECT_EQ(params.temperature, 0.5);
  EXPECT_EQ(params.top_k, 40);
  EXPECT_EQ(params.stop, std::vector<std::string>{"END"});
  EXPECT_EQ(params.stop_token_ids, (std::vector<int32_t>{1, 2}));
  EXPECT_EQ(params.logit_bias, (std::vector<TokenBias>{{5, -100}}));
  EXPECT_EQ(params.seed, -1);
  EXPECT_EQ(params.max_tokens, std::nullopt);
  EXPECT_TRUE(params.logprobs);
  EXPECT_EQ(params.sampler_order, SamplerOrder::mlx);
}

TEST(Knobs, the_command_line_reads_every_type) {
  SamplingParams params;
  const auto set = [&](const char* name, std::vector<std::string> texts) {
    return read_knob_texts(params, *find_knob(name), texts);
  };
  EXPECT_TRUE(set("temperature", {"0.5"}).ok());
  EXPECT_TRUE(set("stop", {"a,b", "[]"}).ok());
  EXPECT_TRUE(set("stop_token_ids", {"1,2", "3"}).ok());
  EXPECT_TRUE(set("logit_bias", {"5:-1.5,6:2", "7:1"}).ok());
  EXPECT_TRUE(set("sampler_order", {"mlx"}).ok());
  EXPECT_TRUE(set("ignore_eos", {"true"}).ok());
  EXPECT_EQ(params.temperature, 0.5);
  EXPECT_EQ(params.stop, (std::vector<std::string>{"a,b", "[]"}));
  EXPECT_EQ(params.stop_token_ids, (std::vector<int32_t>{1, 2, 3}));
  EXPECT_EQ(params.logit_bias, (std::vector<TokenBias>{{5, -1.5}, {6, 2}, {7, 1}}));
  EXPECT_EQ(params.sampler_order, SamplerOrder::mlx);
  EXPECT_TRUE(params.ignore_eos);
  EXPECT_EQ(set("top_k", {"many"}).error().message, "top_k must be an integer, got \"many\"");
  EXPECT_EQ(set("logit_bias", {"5"}).error().param, "logit_bias");
  EXPECT_EQ(flag_of(*find_knob("top_k")), "--top-k");
}

TEST(Knobs, the_documented_table_is_the_real_one) {
  const Result<std::string> page = read_file(MLXS_SOURCE_DIR "/docs/sampling.md");
  ASSERT_TRUE(page.ok());
  EXPECT_NE(page->find("\n" + knob_table_markdown() + "<!-- end of knobs -->"), std::string::npos)
      << "docs/sampling.md should have this table:\n"
      << knob_table_markdown();
}

}  // namespace
}  // namespace mlxserving::sampling
