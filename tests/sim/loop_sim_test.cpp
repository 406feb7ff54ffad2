// The whole loop over a model that can be foretold: whatever comes together, every answer is the one its prompt has.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <list>
#include <map>
#include <random>
#include <string>

#if defined(__linux__)
#include <malloc.h>
#endif

#include "sim/loop_world.h"

namespace mlxserving::engine {
namespace {

using test::full_and_sliding;
using test::prepared;
using test::words;
using test::World;

int64_t from_environment(const char* name, int64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::atoll(text);
}

struct Caller {
  std::shared_ptr<StreamState> stream;
  std::vector<int32_t> expected;
  bool cancelled = false;
  bool may_fail = false;  // a step failed while it was there
  std::vector<std::vector<int32_t>> ids = {};
  std::vector<int> ends = {};
};

class LoopSim : public testing::Test {
 protected:
  bool chance(uint32_t one_in) { return random_() % one_in == 0; }
  int32_t below(int32_t n) { return static_cast<int32_t>(random_() % static_cast<uint32_t>(n)); }

  void arrive(World& world) {
    std::vector<int32_t> ids;
    const int32_t family = below(3);
    const int32_t shared = 32 * below(world.tier ? 17 : 8);  // chunks that are stored are of 256
    const int32_t own = 1 + below(chance(4) ? 300 : 50);
    for (int32_t i = 0; i < shared + own; ++i) ids.push_back(i < shared ? 40 + family : 'a' + below(26));
    const int32_t tokens = 1 + below(chance(5) ? 150 : 20);
    Caller& caller = callers_.emplace_back();
    caller.expected = world.runner.foretell(ids, tokens);
    Prepared request = prepared(std::move(ids), tokens);
    request.priority = static_cast<Priority>(below(3));
    request.answers = chance(6) ? 1 + below(4) : 1;
    caller.ids.resize(static_cast<size_t>(request.answers));
    caller.ends.resize(static_cast<size_t>(request.answers));
    caller.stream = world.submit(std::move(request));
  }

  void read(World& world, Caller& caller) {
    while (auto event = caller.stream->events.try_pop()) {
      if (const auto* delta = std::get_if<TextDelta>(&*event)) {
        const auto answer = static_cast<size_t>(delta->answer);
        ASSERT_EQ(caller.ends[answer], 0) << "a token after the end";
        caller.ids[answer].push_back(delta->token_id);
      } else if (const auto* finished = std::get_if<Finished>(&*event)) {
        const auto answer = static_cast<size_t>(finished->answer);
        ++caller.ends[answer];
        if (finished->reason == FinishReason::cancelled) {
          ASSERT_TRUE(caller.cancelled);
        } else {
          ASSERT_EQ(caller.ids[answer], caller.expected) << "an answer is mixed up or lost tokens";
        }
      } else if (const auto* failed = std::get_if<Failed>(&*event)) {
        ++caller.ends[static_cast<size_t>(failed->answer)];
        ASSERT_TRUE(caller.may_fail || failed->error.code == ErrorCode::resource_exhausted) << failed->error.message;
      }
    }
    for (const auto& ids : caller.ids) {
      ASSERT_LE(ids.size(), caller.expected.size());
      ASSERT_TRUE(std::equal(ids.begin(), ids.end(), caller.expected.begin()));
    }
    if (caller.stream->paused) {  // as a Stream does it
      Command command = Wake{};
      world.port.inbox.try_push(command);
    }
  }

  void disturb(World& world) {
    if (chance(40) && !callers_.empty()) {
      Caller& caller = *std::next(callers_.begin(), below(static_cast<int32_t>(callers_.size())));
      caller.cancelled = true;
      caller.stream->cancelled = true;
    }
    const bool fails = chance(150);
    const bool throws = chance(600);
    if (!fails && !throws) return;
    (throws ? world.runner.throws_due : world.runner.errors_due) = 1;
    for (Caller& caller : callers_) caller.may_fail = true;
  }

  void retire(World& world, bool all) {
    for (auto it = callers_.begin(); it != callers_.end();) {
      if (all || !chance(3)) read(world, *it);
      if (HasFatalFailure()) return;
      const bool done = it->stream->events.is_closed() && it->stream->events.size() == 0;
      if (done) {
        for (const int ends : it->ends) ASSERT_EQ(ends, 1) << "every answer ends once";
      }
      it = done ? callers_.erase(it) : std::next(it);
    }
  }

  // A file vanishes, or one of its bytes changes.
  void damage(const std::string& directory) {
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
      if (!chance(20)) continue;
      std::error_code gone;
      if (chance(2)) {
        std::filesystem::remove(entry.path(), gone);
      } else if (std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary); file) {
        file.seekp(-1 - below(2000), std::ios::end).put('x');
      }
    }
  }

  void run_worlds(int64_t steps, const std::string& stored) {
    const auto seed = static_cast<uint32_t>(from_environment("MLXS_SIM_SEED", std::random_device{}()));
    SCOPED_TRACE(testing::Message() << "MLXS_SIM_SEED=" << seed);
    random_.seed(seed);
    for (int world_index = 0; world_index < 10 && !HasFatalFailure(); ++world_index) {
      World world(full_and_sliding(28 + below(60)), {.running_max = 12, .queue_max = 40},
                  {.directory = stored, .bytes_max = 200'000});
      for (int64_t i = 0; i < steps && !HasFatalFailure(); ++i) {
        if (chance(3)) arrive(world);
        if (world.tier && chance(50)) damage(stored);
        disturb(world);
        world.step();
        world.runner.errors_due = world.runner.throws_due = 0;  // where there was no step, none failed
        retire(world, false);
      }
      for (int i = 0; i < 20000 && !callers_.empty() && !HasFatalFailure(); ++i) {
        world.step_or_wait();
        retire(world, true);
      }
      ASSERT_TRUE(callers_.empty()) << "a request is lost";
      const Metrics metrics = world.metrics();
      ASSERT_EQ(metrics.pages_free + metrics.pages_cached, metrics.pages_total);
      ASSERT_EQ(metrics.invalid_transitions, 0U);
      cached_tokens_ += metrics.cached_prompt_tokens;
    }
  }

  std::mt19937 random_;
  std::list<Caller> callers_;
  uint64_t cached_tokens_ = 0;
};

TEST_F(LoopSim, every_answer_is_its_own_whatever_comes_together) {
  run_worlds(from_environment("MLXS_SIM_STEPS", 30000) / 10, "");
}

// Pools so short that prompts come from files as often as from pages, files that vanish and change.
TEST_F(LoopSim, every_answer_is_its_own_whatever_comes_from_files) {
  const std::string directory = testing::TempDir() + "mlxs_sim_prefixes";
  std::filesystem::remove_all(directory);
  run_worlds(from_environment("MLXS_SIM_STEPS", 30000) / 30, directory);
  std::filesystem::remove_all(directory);
}

TEST(LoopFailure, a_failed_step_fails_exactly_its_requests) {
  World world(full_and_sliding(64), {.running_max = 2});
  std::vector<std::shared_ptr<StreamState>> streams;
  for (int i = 0; i < 3; ++i) streams.push_back(world.submit(prepared({65 + i, 66, 67}, 20)));
  for (int i = 0; i < 5; ++i) world.step();
  world.runner.errors_due = 1;
  for (int i = 0; i < 40; ++i) world.step();
  const auto last = [](StreamState& stream) {
    std::optional<Event> last;
    while (auto event = stream.events.try_pop()) last = std::move(event);
    return last;
  };
  EXPECT_TRUE(std::holds_alternative<Failed>(*last(*streams[0])));
  EXPECT_TRUE(std::holds_alternative<Failed>(*last(*streams[1])));
  EXPECT_TRUE(std::holds_alternative<Finished>(*last(*streams[2]))) << "it waited";
}

TEST(LoopCancel, pages_are_free_one_step_after_a_cancel) {
  World world({{.page_count = 64, .page_tokens = 32, .window = 0, .page_bytes = 64}}, {.prefix_cache = false});
  const auto stream = world.submit(prepared(std::vector<int32_t>(1000, 65), 50));  // four chunks of prompt
  world.step();
  EXPECT_LT(world.metrics().pages_free, 64U);
  stream->cancelled = true;
  world.step();
  EXPECT_EQ(world.metrics().pages_free, 64U);
  EXPECT_EQ(world.metrics().requests_cancelled, 1U);
}

TEST(LoopTimeouts, a_request_past_its_deadline_fails_in_the_queue_and_while_it_runs) {
  World world(full_and_sliding(64), {.running_max = 1});
  Prepared slow = prepared({65}, 200);
  slow.timeouts.request_ms = 30;
  Prepared waiting = slow;
  const auto a = world.submit(std::move(slow));
  const auto b = world.submit(std::move(waiting));
  world.step();
  EXPECT_LT(world.loop.wake_at(), Loop::Clock::now() + std::chrono::milliseconds(31));
  std::this_thread::sleep_for(std::chrono::milliseconds(35));
  world.step();
  for (const auto& stream : {a, b}) {
    std::optional<Event> last;
    while (auto event = stream->events.try_pop()) last = std::move(event);
    ASSERT_TRUE(last && std::holds_alternative<Failed>(*last));
    EXPECT_EQ(std::get<Failed>(*last).error.code, ErrorCode::timeout);
    EXPECT_NE(std::get<Failed>(*last).error.message.find("30 ms"), std::string::npos);
  }
}

TEST(LoopTimeouts, a_slow_reader_is_not_the_engines_delay) {
  World world(full_and_sliding(64));
  Prepared request = prepared({65}, 300);
  request.timeouts.token_ms = 20;
  const auto stream = world.submit(std::move(request));
  while (!stream->paused) world.step();
  std::this_thread::sleep_for(std::chrono::milliseconds(40));
  world.step();
  EXPECT_FALSE(stream->events.is_closed());
  while (stream->events.try_pop()) continue;
  for (int i = 0; i < 100; ++i) world.step();
  EXPECT_TRUE(stream->events.is_closed());
}

// ------------------------------------------------------------------------------------------------------------- memory

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
size_t bytes_in_use() { return mallinfo2().uordblks; }

TEST(LoopMemory, a_waiting_request_costs_little_beyond_its_text) {
  World world(full_and_sliding(64), {.queue_max = 2000});
  constexpr size_t kRequests = 1000;
  constexpr size_t kPromptTokens = 500;
  std::vector<std::shared_ptr<StreamState>> streams;
  words();
  const size_t before = bytes_in_use();
  for (size_t i = 0; i < kRequests; ++i)
    streams.push_back(world.submit(prepared(std::vector<int32_t>(kPromptTokens, 65), 50)));
  world.loop.read();
  const size_t each = (bytes_in_use() - before) / kRequests - kPromptTokens * sizeof(int32_t);
  RecordProperty("bytes_each", static_cast<int>(each));
  std::printf("a waiting request: %zu bytes beyond its tokens\n", each);
  EXPECT_LE(each, 50'000U);
}

// The prefix cache fills its pools first; after that nothing grows.
TEST(LoopMemory, many_requests_leave_no_trace) {
  const int64_t requests = from_environment("MLXS_LEAK_REQUESTS", 20000);
  World world(full_and_sliding(64));
  std::mt19937 random(7);
  const auto run = [&](int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      std::vector<int32_t> ids(1 + random() % 60);
      for (int32_t& id : ids) id = 'a' + static_cast<int32_t>(random() % 26);
      const auto stream = world.submit(prepared(std::move(ids), 1 + static_cast<int32_t>(random() % 3)));
      while (!stream->events.is_closed()) world.step();
    }
  };
  run(1000);
  const size_t before = bytes_in_use();
  run(requests);
  const size_t after = bytes_in_use();
  EXPECT_LE(after, before + 64 * 1024) << requests << " requests";
}
#endif

}  // namespace
}  // namespace mlxserving::engine
