// A loop over a model that can be foretold, with its callers, as tests and the simulator run it: on one thread.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/loop.h"
#include "engine/prefix_tier.h"
#include "sim/fake_runner.h"
#include "support/tiny_model.h"

namespace mlxserving::engine::test {

inline TextModel& words() {
  static const mlxserving::test::TinyModel model;
  static auto text = load_text_model(model.dir());
  EXPECT_TRUE(text) << text.error().message;
  return *text;
}

inline Prepared prepared(std::vector<int32_t> ids, int32_t answer_tokens) {
  Prepared out;
  out.tokens_max = static_cast<int32_t>(ids.size()) + answer_tokens;
  out.ids = std::move(ids);
  out.sampling.temperature = 0;
  out.sampling.seed = 1;
  return out;
}

inline std::vector<scheduler::PageGroup> full_and_sliding(int32_t pages) {
  return {{.page_count = pages, .page_tokens = 32, .window = 0, .page_bytes = 64},
          {.page_count = pages, .page_tokens = 32, .window = 40, .page_bytes = 64}};
}

struct World {
  // `stored`: where prefixes are kept in files, in its directory; without one: nowhere.
  explicit World(std::vector<scheduler::PageGroup> groups, const scheduler::Limits& limits = {},
                 PrefixStoreOptions stored = {})
      : runner(groups),
        tier(stored.directory.empty() ? nullptr : make_tier(std::move(stored))),
        loop(port, runner, {.limits = limits, .prefix_tier = tier.get()}, groups) {}

  std::shared_ptr<StreamState> submit(Prepared request) {
    auto stream = std::make_shared<StreamState>(request.answers);
    auto active = ActiveRequest::create(std::move(request), words(), stream);
    Command command = Submit{std::move(*active)};
    EXPECT_TRUE(port.inbox.try_push(command));
    return stream;
  }
  // As the engine thread does it. True if there was a step.
  bool step() {
    try {
      if (!loop.read()) return false;
      loop.step();
    } catch (const std::exception& e) {
      loop.rebuild({ErrorCode::internal, e.what(), ""});
    }
    return true;
  }
  // With nothing to step, until something comes from a file.
  void step_or_wait() {
    if (!step() && tier) bell->wait_until(Doorbell::Clock::now() + std::chrono::milliseconds(5));
  }
  // The last event; none if it does not end within a few thousand steps.
  std::optional<Event> finish(StreamState& stream) {
    std::optional<Event> last;
    for (int i = 0; i < 5000; ++i) {
      while (auto event = stream.events.try_pop()) last = std::move(event);
      if (stream.events.is_closed()) return last;
      step_or_wait();
    }
    return std::nullopt;
  }
  Metrics metrics() const { return port.board.read().metrics; }

  std::shared_ptr<Doorbell> bell = std::make_shared<Doorbell>();
  Port port{bell};
  FakeRunner runner;
  std::unique_ptr<PrefixTier> tier;
  Loop loop;

 private:
  std::unique_ptr<PrefixTier> make_tier(PrefixStoreOptions stored) {
    if (stored.bytes_max == 0) stored.bytes_max = 1 << 20;
    stored.fingerprint = "fake";
    auto index = PrefixIndex::open(stored);
    EXPECT_TRUE(index) << index.error().message;
    return std::make_unique<PrefixTier>(std::move(*index), runner, bell);
  }
};

}  // namespace mlxserving::engine::test
