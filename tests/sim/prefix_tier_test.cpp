// Prompts that come from files: who waits for them, who does not, and what happens to files that are not what they
// should be.
#include "engine/prefix_tier.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "sim/loop_world.h"

namespace mlxserving::engine {
namespace {

namespace fs = std::filesystem;
using test::full_and_sliding;
using test::prepared;
using test::World;

std::vector<int32_t> prompt(char letter, size_t tokens = 600) { return std::vector<int32_t>(tokens, letter); }

class PrefixTierTest : public testing::Test {
 protected:
  PrefixTierTest() { fs::remove_all(directory_); }
  ~PrefixTierTest() override { fs::remove_all(directory_); }

  // Its tokens are those foretold; gives how many of its prompt were not computed.
  int32_t ask(World& world, const std::vector<int32_t>& ids) {
    const auto stream = world.submit(prepared(ids, 5));
    const auto last = world.finish(*stream);
    EXPECT_TRUE(last && std::holds_alternative<Finished>(*last));
    return last ? std::get<Finished>(*last).usage.cached_tokens : -1;
  }
  void store(const std::vector<int32_t>& ids) {
    World world(full_and_sliding(64), {}, stored());
    EXPECT_EQ(ask(world, ids), 0);
  }
  PrefixStoreOptions stored() {
    return {.directory = directory_, .before_read = [this](const std::string& name) { wait_for(name); }};
  }
  std::string file(const std::vector<int32_t>& ids, size_t chunk) const {
    return directory_ + "/" + prefix_chunks(ids, "fake").at(chunk).name;
  }
  // Breaks a file, and makes whoever reads it wait until release().
  void stall(const std::string& path) {
    std::ofstream(path, std::ios::trunc) << "no safetensors";
    const std::lock_guard lock(mutex_);
    stalled_ = fs::path(path).filename();
  }
  void release() {
    const std::lock_guard lock(mutex_);
    stalled_.clear();
    changed_.notify_all();
  }
  void wait_for(const std::string& name) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stalled_ != name; });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::string stalled_;
  const std::string directory_ = testing::TempDir() + "mlxs_tier_" + std::to_string(::getpid());
};

TEST_F(PrefixTierTest, closing_writes_what_is_still_to_be_written) {
  store(prompt('a'));
  EXPECT_TRUE(fs::exists(file(prompt('a'), 0)));
  EXPECT_TRUE(fs::exists(file(prompt('a'), 1)));
}

TEST_F(PrefixTierTest, a_stored_prompt_is_read_and_answered_as_foretold) {
  store(prompt('a'));
  World world(full_and_sliding(64), {}, stored());
  const auto stream = world.submit(prepared(prompt('a'), 5));
  std::vector<int32_t> ids;
  while (!stream->events.is_closed() || stream->events.size() > 0) {
    world.step_or_wait();
    while (auto event = stream->events.try_pop()) {
      if (const auto* delta = std::get_if<TextDelta>(&*event)) ids.push_back(delta->token_id);
    }
  }
  EXPECT_EQ(ids, world.runner.foretell(prompt('a'), 5));
  EXPECT_EQ(world.metrics().cached_prompt_tokens, 512U);
}

TEST_F(PrefixTierTest, who_waits_for_a_file_holds_up_nobody) {
  store(prompt('a'));
  World world(full_and_sliding(64), {}, stored());
  stall(file(prompt('a'), 0));
  const auto waiting = world.submit(prepared(prompt('a'), 5));
  EXPECT_EQ(ask(world, prompt('b')), 0) << "comes later and is done before";
  EXPECT_EQ(waiting->events.size(), 0U);
  EXPECT_EQ(world.metrics().queue_depth, 1U);
  release();
  const auto last = world.finish(*waiting);
  ASSERT_TRUE(last && std::holds_alternative<Finished>(*last));
  EXPECT_EQ(std::get<Finished>(*last).usage.cached_tokens, 0) << "a broken file is a miss";
}

TEST_F(PrefixTierTest, a_broken_or_missing_file_is_a_miss_and_stored_again) {
  for (const bool broken : {true, false}) {
    fs::remove_all(directory_);
    store(prompt('a'));
    {
      World world(full_and_sliding(64), {}, stored());
      const std::string second = file(prompt('a'), 1);
      broken ? std::ofstream(second, std::ios::trunc) << "no safetensors" : (fs::remove(second), std::ofstream());
      EXPECT_EQ(ask(world, prompt('a')), 256) << "its first chunk";
    }
    World world(full_and_sliding(64), {}, stored());
    EXPECT_EQ(ask(world, prompt('a')), 512);
  }
}

TEST_F(PrefixTierTest, cancelled_while_it_waits_for_a_file_it_ends_at_once) {
  store(prompt('a'));
  World world(full_and_sliding(64), {}, stored());
  stall(file(prompt('a'), 0));
  const auto waiting = world.submit(prepared(prompt('a'), 5));
  world.step();
  waiting->cancelled = true;
  world.step();
  EXPECT_TRUE(waiting->events.is_closed());
  EXPECT_EQ(world.metrics().queue_depth, 0U);
  release();
  EXPECT_EQ(ask(world, prompt('c')), 0);
}

TEST_F(PrefixTierTest, a_broken_invariant_fails_who_waits_for_a_file) {
  store(prompt('a'));
  World world(full_and_sliding(64), {}, stored());
  stall(file(prompt('a'), 0));
  const auto waiting = world.submit(prepared(prompt('a'), 5));
  world.step();
  world.loop.rebuild({ErrorCode::internal, "planted", ""});
  const auto last = world.finish(*waiting);
  EXPECT_TRUE(last && std::holds_alternative<Failed>(*last));
  release();
  EXPECT_EQ(ask(world, prompt('d')), 0);
}

TEST_F(PrefixTierTest, closing_reads_no_more) {
  store(prompt('a'));
  auto world = std::make_unique<World>(full_and_sliding(64), scheduler::Limits{}, stored());
  stall(file(prompt('a'), 0));
  const auto never = fs::file_time_type::clock::now() - std::chrono::hours(1);
  fs::last_write_time(file(prompt('a'), 1), never);
  world->submit(prepared(prompt('a'), 5));
  world->step();
  world->loop.close();
  std::thread closing([&] { world.reset(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // the first file is being read, the second waits
  release();
  closing.join();
  EXPECT_EQ(fs::last_write_time(file(prompt('a'), 1)), never) << "reading would touch it";
}

TEST_F(PrefixTierTest, a_disk_that_takes_nothing_is_told_and_harms_no_request) {
  World world(full_and_sliding(64), {}, stored());
  fs::remove_all(directory_);
  EXPECT_EQ(ask(world, prompt('a')), 0);
  for (int i = 0; i < 1000 && world.tier->trouble().empty(); ++i) world.step_or_wait();
  EXPECT_NE(world.tier->trouble().find("no longer stored"), std::string::npos) << world.tier->trouble();
  EXPECT_EQ(ask(world, prompt('b')), 0);
}

TEST_F(PrefixTierTest, two_requests_of_one_stored_prompt_share_its_pages) {
  store(prompt('a'));
  World world(full_and_sliding(64), {}, stored());
  const auto first = world.submit(prepared(prompt('a'), 5));
  const auto second = world.submit(prepared(prompt('a'), 5));
  for (const auto& stream : {first, second}) {
    const auto last = world.finish(*stream);
    ASSERT_TRUE(last && std::holds_alternative<Finished>(*last));
    EXPECT_GE(std::get<Finished>(*last).usage.cached_tokens, 512) << "its chunks, and what the other has computed";
  }
}

}  // namespace
}  // namespace mlxserving::engine
