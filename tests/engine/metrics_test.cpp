#include "mlxserving/metrics.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "engine/report.h"
#include "mlxserving/engine.h"
#include "support/tiny_model.h"

namespace mlxserving {
namespace {

Histogram tens() {
  Histogram histogram;
  for (int i = 1; i <= 10; ++i) histogram.bounds.push_back(10 * i);
  return histogram;
}

TEST(Histogram, counts_values_at_most_each_bound) {
  Histogram histogram = tens();
  for (const double value : {0.0, 10.0, 10.5, 100.0, 101.0}) histogram.add(value);
  EXPECT_EQ(histogram.counts, (std::vector<uint64_t>{2, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1}));
  EXPECT_EQ(histogram.count, 5U);
  EXPECT_EQ(histogram.sum, 221.5);
}

TEST(Histogram, quantiles_are_interpolated_within_their_bucket) {
  Histogram histogram = tens();
  for (int i = 1; i <= 100; ++i) histogram.add(i);
  EXPECT_NEAR(histogram.quantile(0.5), 50, 1e-9);
  EXPECT_NEAR(histogram.quantile(0.95), 95, 1e-9);
  EXPECT_NEAR(histogram.quantile(1), 100, 1e-9);
  EXPECT_NEAR(histogram.quantile(0), 0, 1e-9);
}

TEST(Histogram, a_quantile_of_nothing_is_zero_and_beyond_the_bounds_the_last_bound) {
  Histogram histogram = tens();
  EXPECT_EQ(histogram.quantile(0.5), 0);
  histogram.add(1e9);
  EXPECT_EQ(histogram.quantile(0.5), 100);
}

TEST(ReportBoard, a_writer_never_waits_and_a_reader_sees_whole_reports) {
  engine::ReportBoard board;
  std::jthread writer([&](const std::stop_token& stop) {
    engine::Report report = engine::make_report();
    while (!stop.stop_requested()) {
      ++report.metrics.steps;
      report.metrics.step_ms.add(1);
      board.publish(report);
    }
  });
  for (int i = 0; i < 2000; ++i) {
    const Metrics metrics = board.read().metrics;
    ASSERT_EQ(metrics.steps, metrics.step_ms.count);
  }
}

class MetricsTest : public testing::Test {
 protected:
  static std::unique_ptr<Engine> load(const test::TinyModel& model) {
    EngineOptions options;
    options.threads = 1;
    return std::move(*Engine::load(model.dir(), options));
  }
  static GenerateRequest ask(int32_t max_tokens) {
    GenerateRequest request{.prompt = TextPrompt{"hello"}, .raw = true};
    request.sampling.max_tokens = max_tokens;
    request.sampling.ignore_eos = true;
    return request;
  }
  static void read_all(Stream& stream) {
    while (stream.next()) continue;
  }
  // The loop publishes after the last event.
  static Metrics wait_for(const Engine& engine, const std::function<bool(const Metrics&)>& done) {
    for (int i = 0; i < 1000 && !done(engine.metrics()); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return engine.metrics();
  }

  test::TinyModel model_;
};

TEST_F(MetricsTest, every_request_and_token_is_counted_once) {
  const auto engine = load(model_);
  for (int i = 0; i < 3; ++i) read_all(**engine->submit(ask(10)));
  const Metrics m = wait_for(*engine, [](const Metrics& now) { return now.requests_finished == 3 && now.steps == 30; });
  EXPECT_EQ(m.requests_submitted, 3U);
  EXPECT_EQ(m.requests_finished, 3U);
  EXPECT_EQ(m.prompt_tokens, 15U);
  EXPECT_EQ(m.completion_tokens, 30U);
  EXPECT_EQ(m.steps, 30U);
  EXPECT_EQ(m.first_token_ms.count, 3U);
  EXPECT_EQ(m.inter_token_ms.count, 27U);
  EXPECT_EQ(m.queue_ms.count, 3U);
  EXPECT_EQ(m.request_ms.count, 3U);
  EXPECT_EQ(m.step_ms.count, 30U);
  EXPECT_EQ(m.batch_rows.sum, 15 + 27);
  EXPECT_LT(m.host_ms.sum, m.step_ms.sum + 10);
}

TEST_F(MetricsTest, refused_and_cancelled_requests_are_told_apart) {
  const auto engine = load(model_);
  GenerateRequest bad = ask(1);
  bad.sampling.temperature = 9;
  EXPECT_FALSE(engine->submit(bad));
  auto stream = *engine->submit(ask(2000));
  ASSERT_TRUE(stream->next());
  stream->cancel();
  read_all(*stream);
  const Metrics m = wait_for(*engine, [](const Metrics& now) { return now.requests_cancelled == 1; });
  EXPECT_EQ(m.requests_submitted, 2U);
  EXPECT_EQ(m.requests_rejected, 1U);
  EXPECT_EQ(m.requests_cancelled, 1U);
  EXPECT_EQ(m.requests_finished + m.requests_failed, 0U);
}

TEST_F(MetricsTest, embeddings_that_nobody_wants_any_more_are_cancelled) {
  const auto engine = load(model_);
  auto pending = *engine->submit_embedding({.inputs = std::vector<Prompt>(64, TextPrompt{std::string(1500, 'z')})});
  pending.reset();
  const Metrics m = wait_for(*engine, [](const Metrics& now) {
    return now.requests_submitted == 64 && now.running == 0 && now.queue_depth == 0;
  });
  EXPECT_EQ(m.requests_finished + m.requests_cancelled, 64U);
  EXPECT_GT(m.requests_cancelled, 32U);
}

TEST_F(MetricsTest, gauges_say_how_it_is_now) {
  const auto engine = load(model_);
  auto slow = *engine->submit(ask(1000));
  const Metrics busy = wait_for(*engine, [](const Metrics& now) { return now.paused == 1; });
  EXPECT_EQ(busy.running, 1U);
  EXPECT_LT(busy.pages_free, busy.pages_total);
  slow.reset();
  const Metrics idle = wait_for(*engine, [](const Metrics& now) { return now.running == 0; });
  EXPECT_EQ(idle.paused, 0U);
  EXPECT_EQ(idle.pages_free, idle.pages_total);
  EXPECT_EQ(idle.circuit_state, "closed");
}

}  // namespace
}  // namespace mlxserving
