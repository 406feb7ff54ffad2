#include "mlxserving/host.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "support/ask.h"
#include "support/tiny_model.h"

namespace mlxserving {
namespace {

using test::Answer;
using test::ask;
using test::read_all;

constexpr int64_t kKvBytes = 1 << 20;

EngineOptions small() {
  EngineOptions options;
  options.threads = 1;
  options.kv_bytes = kKvBytes;
  return options;
}

class HostTest : public testing::Test {
 protected:
  std::shared_ptr<Engine> load(Host& host, const std::string& id, const test::TinyModel& model) {
    auto engine = host.load(id, model.dir(), small());
    EXPECT_TRUE(engine) << engine.error().message;
    return engine ? *engine : nullptr;
  }
  std::vector<std::string> ids(const Host& host) {
    std::vector<std::string> out;
    for (const ModelStatus& status : host.list()) out.push_back(status.id);
    return out;
  }
  // Bytes of `models` tiny models and half a one more.
  HostOptions room_for(int models) {
    const auto host = Host::create();
    load(*host, "measured", model_);
    return {.memory_bytes = host->list().front().bytes * (2 * models + 1) / 2};
  }

  test::TinyModel model_;
  test::TinyModel other_{{.seed = 8}};
};

TEST_F(HostTest, embeddings_of_a_model_that_is_unloaded_fail) {
  const auto host = Host::create();
  const auto engine = load(*host, "m", model_);
  const auto pending =
      *engine->submit_embedding({.inputs = std::vector<Prompt>(64, TextPrompt{std::string(1500, 'z')})});
  ASSERT_TRUE(host->unload("m"));
  const auto result = pending->wait();
  ASSERT_FALSE(result);
}

TEST_F(HostTest, callers_that_ask_at_once_share_one_load) {
  const auto host = Host::create();
  std::atomic<int> loads = 0;
  EngineOptions options = small();
  options.progress = [&](double, const std::string& stage) { loads += stage == "weights"; };
  std::vector<std::future<std::shared_ptr<Engine>>> callers;
  for (int i = 0; i < 8; ++i) {
    callers.push_back(std::async(std::launch::async, [&] { return *host->load("m", model_.dir(), options); }));
  }
  std::vector<std::shared_ptr<Engine>> engines;
  for (auto& caller : callers) engines.push_back(caller.get());
  for (const auto& engine : engines) EXPECT_EQ(engine, engines.front());
  EXPECT_EQ(loads, 1);
}

TEST_F(HostTest, models_answer_beside_each_other_as_alone) {
  const auto host = Host::create();
  const auto first = load(*host, "first", model_);
  const auto second = load(*host, "second", other_);
  const std::vector<int32_t> alone_first = read_all(**first->submit(ask("hello", 100))).ids;
  const std::vector<int32_t> alone_second = read_all(**second->submit(ask("hello", 100))).ids;
  EXPECT_NE(alone_first, alone_second);
  const auto stream_first = *first->submit(ask("hello", 100));
  const auto stream_second = *second->submit(ask("hello", 100));
  EXPECT_EQ(read_all(*stream_second).ids, alone_second);
  EXPECT_EQ(read_all(*stream_first).ids, alone_first);
}

TEST_F(HostTest, the_least_recently_used_model_makes_room) {
  const auto host = Host::create(room_for(2));
  load(*host, "a", model_);
  load(*host, "b", model_);
  EXPECT_EQ(read_all(**(*host->get("a"))->submit(ask("x"))).ids.size(), 24U);
  load(*host, "c", model_);
  EXPECT_EQ(ids(*host), (std::vector<std::string>{"a", "c"}));
}

TEST_F(HostTest, a_model_in_use_never_makes_room) {
  const auto host = Host::create(room_for(1));
  auto engine = load(*host, "a", model_);
  auto refused = host->load("b", model_.dir(), small());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::resource_exhausted);
  auto stream = *engine->submit(ask("x", 1000));
  engine.reset();  // the stream alone still uses it
  EXPECT_FALSE(host->load("b", model_.dir(), small()));
  stream.reset();
  EXPECT_TRUE(host->load("b", model_.dir(), small()));
}

TEST_F(HostTest, a_model_without_room_is_refused_with_the_bytes) {
  const auto host = Host::create({.memory_bytes = kKvBytes});
  const auto refused = host->load("big", model_.dir(), small());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::resource_exhausted);
  EXPECT_NE(refused.error().message.find("'big' needs"), std::string::npos) << refused.error().message;
  EXPECT_NE(refused.error().message.find(std::to_string(kKvBytes)), std::string::npos) << refused.error().message;
}

TEST_F(HostTest, a_cache_nobody_sized_takes_what_the_weights_leave) {
  const auto weights = load(*Host::create(), "m", model_)->info().weight_bytes;
  const auto host = Host::create({.memory_bytes = weights + kKvBytes});
  const auto engine = host->load("m", model_.dir(), {.threads = 1});
  ASSERT_TRUE(engine) << engine.error().message;
  EXPECT_LE((*engine)->info().kv_bytes, kKvBytes);
}

TEST_F(HostTest, unloading_cancels_what_runs_and_refuses_what_comes) {
  const auto host = Host::create();
  const auto engine = load(*host, "m", model_);
  const auto other = load(*host, "other", other_);
  const auto stream = *engine->submit(ask("forever", 2000));
  ASSERT_TRUE(stream->next());
  ASSERT_TRUE(host->unload("m"));
  EXPECT_EQ(read_all(*stream).reason(), FinishReason::cancelled);
  EXPECT_EQ(engine->submit(ask("x")).error().code, ErrorCode::not_found);
  EXPECT_EQ(host->get("m").error().code, ErrorCode::not_found);
  EXPECT_EQ(host->unload("m").error().code, ErrorCode::not_found);
  EXPECT_TRUE(engine->tokenize("words need no weights", false));
  EXPECT_EQ(read_all(**other->submit(ask("x"))).ids.size(), 24U);
}

TEST_F(HostTest, a_failed_load_is_listed_with_its_reason_and_may_be_tried_again) {
  const auto host = Host::create();
  EXPECT_EQ(host->load("m", "/nonexistent/model", small()).error().code, ErrorCode::not_found);
  ASSERT_EQ(host->list().size(), 1U);
  EXPECT_EQ(host->list().front().state, ModelState::failed);
  EXPECT_NE(host->list().front().error.find("/nonexistent/model"), std::string::npos);
  load(*host, "m", model_);
  EXPECT_EQ(host->list().front().state, ModelState::ready);
}

TEST_F(HostTest, a_name_belongs_to_one_directory) {
  const auto host = Host::create();
  load(*host, "m", model_);
  const auto refused = host->load("m", other_.dir(), small());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().param, "directory");
}

TEST_F(HostTest, the_list_tells_bytes_progress_and_idle_time) {
  const auto host = Host::create();
  const auto engine = load(*host, "m", model_);
  const ModelStatus status = host->list().front();
  EXPECT_EQ(status.directory, model_.dir());
  EXPECT_EQ(status.progress, 1);
  EXPECT_EQ(status.bytes, engine->info().weight_bytes + engine->info().kv_bytes);
  EXPECT_GT(status.loaded_at, 1'700'000'000);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_GE(host->list().front().idle_ms, 20);
}

}  // namespace
}  // namespace mlxserving
