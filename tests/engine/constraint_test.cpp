// Constraints through the engine: the form holds whatever the model would say, beside every other field of a request.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "core/json.h"
#include "mlxserving/engine.h"
#include "support/tiny_model.h"

namespace mlxserving {
namespace {

struct Answer {
  std::string text;
  size_t tokens = 0, logprobs = 0;
  FinishReason reason = FinishReason::cancelled;
};

Answer read_all(Stream& stream) {
  Answer answer;
  while (auto event = stream.next()) {
    if (const auto* delta = std::get_if<TextDelta>(&*event)) {
      answer.text += delta->text;
      ++answer.tokens;
      answer.logprobs += delta->logprob ? 1 : 0;
    } else if (const auto* finished = std::get_if<Finished>(&*event)) {
      answer.text += finished->text;
      answer.reason = finished->reason;
    } else {
      ADD_FAILURE() << std::get<Failed>(*event).error.message;
    }
  }
  return answer;
}

constexpr const char* kSchema =
    R"({"type": "object", "properties": {"name": {"type": "string", "maxLength": 8}, "age": {"type": "integer", "minimum": 0, "maximum": 150}}, "required": ["name", "age"], "additionalProperties": false})";

GenerateRequest constrained(Constraint constraint, int64_t seed = 1) {
  GenerateRequest request{.prompt = TextPrompt{"x"}, .constraint = std::move(constraint), .raw = true};
  request.sampling.seed = seed;
  request.sampling.max_tokens = 200;
  return request;
}

class ConstraintTest : public testing::Test {
 protected:
  void SetUp() override {
    auto loaded = Engine::load(model_.dir(), {.threads = 2});
    ASSERT_TRUE(loaded) << loaded.error().message;
    engine_ = std::move(*loaded);
  }
  Answer answer(GenerateRequest request) {
    auto stream = engine_->submit(std::move(request));
    EXPECT_TRUE(stream) << stream.error().message;
    return stream ? read_all(**stream) : Answer{};
  }

  test::TinyModel model_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(ConstraintTest, a_model_of_random_weights_writes_valid_json) {
  for (int64_t seed = 0; seed < 12; ++seed) {
    const Answer got = answer(constrained(JsonSchemaConstraint{kSchema, {.space = JsonLayout::Space::compact}}, seed));
    ASSERT_EQ(got.reason, FinishReason::stop) << got.text;
    const auto json = parse_json(got.text, "answer");
    ASSERT_TRUE(json.ok()) << got.text;
    EXPECT_TRUE((*json)["name"].is_string() && (*json)["age"].is_number_integer()) << got.text;
  }
}

TEST_F(ConstraintTest, every_kind_ends_by_itself_where_nothing_may_follow) {
  EXPECT_EQ(answer(constrained(ChoiceConstraint{{"yes"}})).text, "yes");
  EXPECT_EQ(answer(constrained(RegexConstraint{"a{3}b"})).text, "aaab");
  EXPECT_EQ(answer(constrained(GbnfConstraint{"root ::= \"ok\" \"!\""})).text, "ok!");
  EXPECT_EQ(answer(constrained(LarkConstraint{"start: \"ok\" \"?\""})).text, "ok?");
  EXPECT_EQ(answer(constrained(XmlConstraint{XmlConstraint::Form::model, "<a><b>fixed</b></a>"})).text.substr(0, 3),
            "<a>");
}

TEST_F(ConstraintTest, logprobs_penalties_and_ignore_eos_go_with_it) {
  GenerateRequest request = constrained(RegexConstraint{"[0-9]{4}"});
  request.sampling.logprobs = true;
  request.sampling.ignore_eos = true;
  request.sampling.repetition_penalty = 1.3;
  request.sampling.min_tokens = 50;
  const Answer got = answer(std::move(request));
  EXPECT_EQ(got.text.size(), 4U);
  EXPECT_EQ(got.logprobs, got.tokens);
  EXPECT_EQ(got.reason, FinishReason::stop);
}

TEST_F(ConstraintTest, length_and_stop_strings_still_end_it) {
  GenerateRequest request = constrained(RegexConstraint{"a{100}"});
  request.sampling.max_tokens = 5;
  EXPECT_EQ(answer(std::move(request)).reason, FinishReason::length);
  request = constrained(RegexConstraint{"xyz{50}"});
  request.sampling.stop = {"z"};
  EXPECT_EQ(answer(std::move(request)).text, "xy");
}

TEST_F(ConstraintTest, rows_with_and_without_one_run_together) {
  GenerateRequest free{.prompt = TextPrompt{"x"}, .raw = true};
  free.sampling.seed = 3;
  free.sampling.max_tokens = 30;
  free.sampling.ignore_eos = true;
  const std::string alone = answer(free).text;
  auto with = engine_->submit(constrained(JsonSchemaConstraint{kSchema}));
  auto without = engine_->submit(free);
  ASSERT_TRUE(with && without);
  EXPECT_EQ(read_all(**without).text, alone);
  EXPECT_TRUE(parse_json(read_all(**with).text, "answer").ok());
}

TEST_F(ConstraintTest, what_cannot_be_enforced_is_refused_before_it_queues) {
  const auto refused = engine_->submit(constrained(JsonSchemaConstraint{R"({"$ref": "http://elsewhere"})"}));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_request);
  EXPECT_EQ(refused.error().param, "constraint");
  EXPECT_NE(refused.error().message.find("/$ref"), std::string::npos) << refused.error().message;
  EXPECT_FALSE(engine_->submit(constrained(RegexConstraint{"("})).ok());
}

}  // namespace
}  // namespace mlxserving
