#include <gtest/gtest.h>

#include "core/strict_json.h"
#include "telemetry/log.h"
#include "telemetry/process_memory.h"
#include "telemetry/window.h"

namespace mlxserving::telemetry {
namespace {

using std::chrono::milliseconds;

TEST(Window, keeps_the_latest_values_and_counts_all) {
  Window window(4);
  EXPECT_EQ(window.quantile(0.5), 0);
  for (const double value : {100.0, 1.0, 2.0, 3.0, 4.0}) window.add(value);
  EXPECT_EQ(window.total(), 5U);
  EXPECT_EQ(window.max(), 4);
  EXPECT_EQ(window.mean(), 2.5);
  EXPECT_EQ(window.quantile(0.5), 2.5);
  EXPECT_EQ(window.quantile(1), 4);
}

TEST(Rate, tells_growth_a_second_over_a_span) {
  Rate rate;
  EXPECT_EQ(rate.per_second(5), 0);
  for (int second = 0; second <= 100; ++second) rate.sample(second, second < 90 ? 0 : (second - 90) * 50);
  EXPECT_DOUBLE_EQ(rate.per_second(5), 50);
  EXPECT_NEAR(rate.per_second(60), 500.0 / 60, 0.5);
}

TEST(ProcessMemory, is_that_of_a_running_program) {
  const ProcessMemory memory = process_memory();
  EXPECT_GT(memory.resident_bytes, 1 << 20);
  EXPECT_GE(memory.virtual_bytes, memory.resident_bytes);
}

TEST(Log, lines_are_json_with_time_level_and_fields_from_their_level_on) {
  testing::internal::CaptureStderr();
  {
    Log log(Level::info);
    log.write(Level::debug, "unseen");
    log.write(Level::warn, "model loaded", {{"model", "m\n\"x\""}, {"bytes", 7}, {"fault", ""}, {"ok", true}});
    log.drain(milliseconds(1000));
  }
  const std::string text = testing::internal::GetCapturedStderr();
  const Result<Json> line = parse_strict_json(text);
  ASSERT_TRUE(line) << text;
  EXPECT_EQ((*line)["level"], "warn");
  EXPECT_EQ((*line)["event"], "model loaded");
  EXPECT_EQ((*line)["model"], "m\n\"x\"");
  EXPECT_EQ((*line)["bytes"], 7);
  EXPECT_FALSE(line->contains("fault")) << "a fact that does not apply";
  EXPECT_EQ((*line)["time"].get<std::string>().size(), std::string("2026-01-01T00:00:00.000Z").size());
}

TEST(Log, levels_have_the_names_that_node_users_know) {
  EXPECT_EQ(level_of("silent"), Level::off);
  EXPECT_EQ(level_of("fatal"), Level::error);
  EXPECT_EQ(level_of("loud"), std::nullopt);
}

}  // namespace
}  // namespace mlxserving::telemetry
