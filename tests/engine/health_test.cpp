// Faults to order, and what the engine says and does about each.
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/live_engine.h"
#include "support/ask.h"
#include "support/tiny_model.h"

namespace mlxserving::engine {
namespace {

using namespace std::chrono_literals;
using test::Answer;
using test::read_all;

GenerateRequest ask(int32_t max_tokens = 20) { return test::ask("hello", max_tokens); }

class HealthTest : public testing::Test {
 protected:
  std::unique_ptr<LiveEngine> load(EngineOptions options = {}) {
    options.threads = 1;
    return std::move(*LiveEngine::load(std::make_shared<EngineThread>(), model_.dir(), options));
  }
  // A fault at the next step of a request that runs; its end.
  static Answer meet(LiveEngine& engine, Fault fault) {
    auto stream = *engine.submit(ask(2000));
    EXPECT_TRUE(stream->next());
    engine.port().faults.arm(fault);
    return read_all(*stream);
  }
  template <typename Condition>
  static bool within(std::chrono::milliseconds time, Condition condition) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (!condition() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(5ms);
    return condition();
  }

  test::TinyModel model_;
};

class FailingStep : public HealthTest, public testing::WithParamInterface<Fault> {};

TEST_P(FailingStep, fails_its_requests_and_no_later_one) {
  const auto engine = load();
  const std::vector<int32_t> expected = read_all(**engine->submit(ask())).ids;
  const Answer failed = meet(*engine, GetParam());
  ASSERT_TRUE(failed.error);
  EXPECT_EQ(failed.error->code, ErrorCode::internal);
  EXPECT_NE(failed.error->message.find("planted"), std::string::npos) << failed.error->message;
  EXPECT_EQ(read_all(**engine->submit(ask())).ids, expected);
  EXPECT_EQ(engine->health().state, HealthState::degraded);
  EXPECT_NE(engine->health().reason.find("planted"), std::string::npos);
}

// More than the leaked tasks at which MLX would wait for ever.
TEST_P(FailingStep, may_happen_often) {
  const auto engine = load();
  const std::vector<int32_t> expected = read_all(**engine->submit(ask())).ids;
  for (int i = 0; i < 60; ++i) {
    EXPECT_TRUE(meet(*engine, GetParam()).error);
    EXPECT_EQ(read_all(**engine->submit(ask())).ids, expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Faults, FailingStep,
                         testing::Values(Fault::throw_in_eval, Fault::throw_in_task, Fault::break_invariant));

TEST_F(HealthTest, a_waiting_request_survives_the_failure_of_those_that_run) {
  const auto engine = load({.context_tokens_max = 2048});
  const auto ask_long = [&](char letter) {
    GenerateRequest request = ask(100);
    request.prompt = TextPrompt{std::string(1900, letter)};
    return request;
  };
  std::vector<std::unique_ptr<Stream>> running;
  for (const char letter : {'a', 'b', 'c', 'd'}) running.push_back(*engine->submit(ask_long(letter)));
  for (const auto& stream : running) ASSERT_TRUE(stream->next());
  auto waiting = *engine->submit(ask_long('e'));  // the pages hold four
  engine->port().faults.arm(Fault::throw_in_eval);
  for (const auto& stream : running) EXPECT_TRUE(read_all(*stream).error);
  EXPECT_EQ(read_all(*waiting).ids.size(), 100U);
}

TEST_F(HealthTest, a_step_that_hangs_is_told_to_everybody) {
  const auto engine = load({.step_timeout_ms = 300});
  auto running = *engine->submit(ask(2000));
  ASSERT_TRUE(running->next());
  EXPECT_EQ(engine->health().state, HealthState::ready);
  engine->port().faults.arm(Fault::hang);
  const Answer answer = read_all(*running);
  ASSERT_TRUE(answer.error);
  EXPECT_NE(answer.error->message.find("300 are allowed"), std::string::npos) << answer.error->message;
  EXPECT_EQ(engine->health().state, HealthState::stuck);
  EXPECT_FALSE(engine->submit(ask()));
  engine->port().faults.release();
  EXPECT_TRUE(within(2s, [&] { return engine->health().state == HealthState::ready; }));
  EXPECT_EQ(read_all(**engine->submit(ask())).ids.size(), 20U);
}

TEST(HangJudge, a_beat_older_than_allowed_hangs_and_a_new_one_does_not) {
  HangJudge judge;
  EXPECT_FALSE(judge.look({.age = 299ms, .allowed = 300ms}, 250ms));
  EXPECT_TRUE(judge.look({.age = 301ms, .allowed = 300ms}, 250ms));
  EXPECT_FALSE(judge.look({.age = 10ms, .allowed = 300ms}, 250ms));
}

TEST(HangJudge, a_process_that_was_stopped_gets_its_time_again) {
  HangJudge judge;
  EXPECT_FALSE(judge.look({.age = 60s, .allowed = 300ms}, 60s));
  EXPECT_FALSE(judge.look({.age = 60s + 250ms, .allowed = 300ms}, 250ms));
  EXPECT_TRUE(judge.look({.age = 60s + 500ms, .allowed = 300ms}, 250ms));
  EXPECT_FALSE(judge.look({.age = 100ms, .allowed = 300ms}, 250ms));
  EXPECT_TRUE(judge.look({.age = 350ms, .allowed = 300ms}, 250ms));
}

TEST_F(HealthTest, an_engine_thread_that_ends_is_dead_at_once) {
  const auto engine = load();
  const Answer answer = meet(*engine, Fault::end_thread);
  ASSERT_TRUE(answer.error);
  EXPECT_EQ(engine->health().state, HealthState::dead);
  const auto refused = engine->submit(ask());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::internal);
}

TEST_F(HealthTest, an_idle_engine_shows_signs_of_life) {
  const auto engine = load();
  std::this_thread::sleep_for(1200ms);
  EXPECT_EQ(engine->health().state, HealthState::ready);
  EXPECT_LT(engine->health().last_step_age_ms, 1000);
}

TEST_F(HealthTest, a_model_that_keeps_failing_is_left_alone_for_a_while) {
  const auto engine = load();
  for (int i = 0; i < scheduler::BreakerLimits{}.failures_max; ++i) {
    engine->port().faults.arm(Fault::throw_in_eval);
    EXPECT_TRUE(read_all(**engine->submit(ask())).error);
  }
  // One failed step degrades; the circuit opens once the loop has counted the last of them.
  EXPECT_TRUE(within(1s, [&] { return engine->metrics().circuit_state == "open"; }));
  EXPECT_EQ(engine->health().state, HealthState::degraded);
  const auto refused = engine->submit(ask());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("planted"), std::string::npos) << refused.error().message;
  EXPECT_TRUE(within(3s, [&] { return engine->submit(ask()).ok(); }));
  EXPECT_EQ(read_all(**engine->submit(ask())).ids.size(), 20U);
  EXPECT_TRUE(within(1s, [&] { return engine->metrics().circuit_state == "closed"; }));
  EXPECT_EQ(engine->metrics().invalid_transitions, 0U);
}

TEST_F(HealthTest, what_users_got_wrong_does_not_open_the_circuit) {
  const auto engine = load();
  GenerateRequest bad = ask();
  bad.sampling.temperature = -1;
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(engine->submit(bad));
  EXPECT_EQ(engine->health().state, HealthState::ready);
  EXPECT_EQ(read_all(**engine->submit(ask())).ids.size(), 20U);
}

TEST_F(HealthTest, steps_above_the_target_make_the_batch_smaller_and_say_so) {
  const auto engine = load({.latency_target_ms = 1e-6});
  const std::vector<int32_t> expected = read_all(**load()->submit(ask(300))).ids;
  EXPECT_EQ(read_all(**engine->submit(ask(300))).ids, expected);
  const Health health = engine->health();
  EXPECT_EQ(health.state, HealthState::degraded);
  EXPECT_NE(health.reason.find("32 rows and 4 requests"), std::string::npos) << health.reason;
}

}  // namespace
}  // namespace mlxserving::engine
