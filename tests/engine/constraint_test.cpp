// Constraints through the engine: the form holds whatever the model would say, beside every other field of a request.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "core/json.h"
#include "engine/live_engine.h"
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

// Steps that an answer takes, and its tokens.
struct Cost {
  uint64_t steps = 0;
  std::vector<int32_t> tokens;
};

Cost cost_of(Engine& engine, GenerateRequest request) {
  const uint64_t before = engine.metrics().steps;
  auto stream = engine.submit(std::move(request));
  EXPECT_TRUE(stream) << stream.error().message;
  Cost cost;
  while (auto event = (*stream)->next()) {
    if (const auto* delta = std::get_if<TextDelta>(&*event)) cost.tokens.push_back(delta->token_id);
  }
  cost.steps = engine.metrics().steps - before;
  return cost;
}

TEST_F(ConstraintTest, what_the_grammar_forces_takes_no_steps_of_its_own) {
  const Cost cost =
      cost_of(*engine_, constrained(RegexConstraint{"[ab]: a long text that nobody needs to choose;[ab]"}));
  EXPECT_GT(cost.tokens.size(), 4U);
  EXPECT_LT(cost.steps, cost.tokens.size());
}

TEST_F(ConstraintTest, forced_tokens_are_the_same_one_by_one_with_their_likelihoods) {
  const GenerateRequest request = constrained(JsonSchemaConstraint{kSchema}, 5);
  GenerateRequest scored = request;
  scored.sampling.logprobs = true;
  const Cost together = cost_of(*engine_, request), one_by_one = cost_of(*engine_, scored);
  EXPECT_EQ(together.tokens, one_by_one.tokens);
  EXPECT_LE(together.steps, one_by_one.steps);
}

TEST_F(ConstraintTest, stop_strings_and_lengths_cut_forced_text) {
  GenerateRequest request = constrained(RegexConstraint{"[ab]: a long text; more of it"});
  request.sampling.stop = {";"};
  EXPECT_EQ(answer(request).text.substr(1), ": a long text");
  request.sampling.stop = {};
  request.sampling.max_tokens = 3;
  EXPECT_EQ(cost_of(*engine_, request).tokens.size(), 3U);
}

TEST_F(ConstraintTest, a_text_that_is_whole_at_the_last_token_allowed_has_stopped) {
  const GenerateRequest request = constrained(RegexConstraint{"[ab]{4}"});
  GenerateRequest exact = request;
  exact.sampling.max_tokens = static_cast<int32_t>(cost_of(*engine_, request).tokens.size());
  EXPECT_EQ(answer(exact).reason, FinishReason::stop);
}

TEST_F(ConstraintTest, a_slow_grammar_holds_up_its_own_answer_alone) {
  const auto engine =
      std::move(*engine::LiveEngine::load(std::make_shared<engine::EngineThread>(), model_.dir(), {.threads = 1}));
  const GenerateRequest slow = constrained(RegexConstraint{"[a-z]{20}"});
  const std::string alone = read_all(**engine->submit(slow)).text;
  engine->port().faults.arm(engine::Fault::hang_in_guide);
  auto stream = *engine->submit(slow);
  EXPECT_EQ(read_all(**engine->submit(constrained(RegexConstraint{"[0-9]{20}"}))).text.size(), 20U);
  GenerateRequest free = slow;
  free.constraint = {};
  EXPECT_GT(read_all(**engine->submit(free)).tokens, 0U);
  engine->port().faults.release();
  EXPECT_EQ(read_all(*stream).text, alone);
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
