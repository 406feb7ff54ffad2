// The scheduler under random arrivals, ends, cancels, pauses and failures, with every invariant looked at after each
// step. MLXS_SIM_STEPS and MLXS_SIM_SEED repeat or lengthen a run; the seed of a failing one is printed.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <string>

#include "scheduler/scheduler.h"

namespace mlxserving::scheduler {
namespace {

int64_t from_environment(const char* name, int64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::atoll(text);
}

// What the simulator knows of a sequence, apart from the scheduler.
struct Shadow {
  SequenceSpec spec;
  int32_t position = 0;
  int32_t known = 0;
  int32_t answer_tokens = 0;  // until it ends by itself
  int64_t arrival = 0;
  bool paused = false;
  bool started = false;
  bool forked = false;
};

struct World {
  std::vector<PageGroup> groups;
  Limits limits;
};

// From one layer group to a mix of full and sliding ones, from ample to desperately short.
World random_world(std::mt19937& random) {
  World world;
  world.limits = {
      .rows_max = 512, .running_max = 12, .queue_max = 24, .prefills_max = 1 + static_cast<int32_t>(random() % 4)};
  world.limits.prefix_cache = random() % 4 != 0;
  const auto full = [&] {
    world.groups.push_back(
        {.page_count = 16 + static_cast<int32_t>(random() % 80), .page_tokens = 32, .page_bytes = 64});
  };
  const auto sliding = [&] {
    const int32_t window = 1 + static_cast<int32_t>(random() % 100);
    world.groups.push_back({.page_count = 16 + static_cast<int32_t>(random() % 40),
                            .page_tokens = 32,
                            .window = window,
                            .page_bytes = 32});
  };
  switch (random() % 3) {
    case 0: full(); break;
    case 1: sliding(); break;
    default: full(), sliding();
  }
  return world;
}

class Simulation {
 public:
  explicit Simulation(uint32_t seed)
      : random_(seed), world_(random_world(random_)), scheduler_(world_.limits, world_.groups) {}

  void run(int64_t steps) {
    for (int64_t i = 0; i < steps && !testing::Test::HasFatalFailure(); ++i) {
      arrive();
      disturb();
      step();
      look();
    }
    drain();
  }

  const std::string& last_plan() const { return last_plan_; }

 private:
  bool chance(uint32_t one_in) { return random_() % one_in == 0; }
  int32_t below(int32_t n) { return static_cast<int32_t>(random_() % static_cast<uint32_t>(n)); }

  // Prompts begin like others, so that the prefix cache has work.
  std::shared_ptr<const std::vector<int32_t>> make_prompt() {
    const int32_t family = below(3);
    const int32_t shared = 32 * below(10);
    const int32_t own = 1 + below(chance(4) ? 600 : 60);
    auto ids = std::make_shared<std::vector<int32_t>>();
    for (int32_t i = 0; i < shared + own; ++i) ids->push_back(i < shared ? family : 1000 + below(1000));
    return ids;
  }

  void arrive() {
    if (!chance(3)) return;
    Shadow shadow;
    shadow.spec = {.id = next_id_++, .prompt = make_prompt(), .tokens_max = 0};
    shadow.answer_tokens = below(chance(5) ? 300 : 40);
    shadow.spec.tokens_max = shadow.spec.prompt_tokens() + shadow.answer_tokens + below(20);
    shadow.spec.priority = static_cast<Priority>(below(3));
    shadow.spec.computes_all = chance(10);
    shadow.spec.answers = chance(8) ? 1 + below(4) : 1;
    shadow.known = shadow.spec.prompt_tokens();
    shadow.arrival = scheduler_.step();
    next_id_ += 4;  // ids for the forks
    if (scheduler_.enqueue(shadow.spec)) alive_.emplace(shadow.spec.id, shadow);
  }

  auto random_alive() { return std::next(alive_.begin(), below(static_cast<int32_t>(alive_.size()))); }

  void disturb() {
    if (alive_.empty()) return;
    if (chance(20)) {
      auto victim = random_alive();
      ASSERT_TRUE(scheduler_.remove(victim->first));
      alive_.erase(victim);
    }
    if (!alive_.empty() && chance(6)) {
      auto& [id, shadow] = *random_alive();
      shadow.paused = !shadow.paused;
      scheduler_.set_paused(id, shadow.paused);
    }
  }

  void step() {
    const Plan plan = scheduler_.plan();
    last_plan_ = to_string(plan);
    ASSERT_LE(plan.row_count(), world_.limits.rows_max) << last_plan_;
    for (const SequenceId id : plan.preempted) {
      alive_.at(id).position = 0;
      ++preemptions_;
    }
    for (const Admission& admission : plan.admitted) {
      Shadow& shadow = alive_.at(admission.sequence);
      ASSERT_LT(admission.cached_tokens, shadow.spec.prompt_tokens());
      ASSERT_TRUE(!shadow.spec.computes_all || admission.cached_tokens == 0);
      shadow.position = admission.cached_tokens;
      shadow.started = true;
    }
    const auto copies = scheduler_.apply(plan);
    if (chance(50)) return fail_step(plan);  // the runner threw: these sequences end, nobody else
    scheduler_.commit(plan);
    for (const Chunk& chunk : plan.chunks) take_tokens(chunk);
  }

  void fail_step(const Plan& plan) {
    for (const Chunk& chunk : plan.chunks) {
      ASSERT_TRUE(scheduler_.remove(chunk.sequence));
      alive_.erase(chunk.sequence);
    }
  }

  void take_tokens(const Chunk& chunk) {
    Shadow& shadow = alive_.at(chunk.sequence);
    ASSERT_FALSE(shadow.paused) << last_plan_;
    ASSERT_EQ(chunk.position_begin, shadow.position) << last_plan_;
    ASSERT_EQ(chunk.decodes, shadow.position >= shadow.spec.prompt_tokens()) << "every token computes in its role";
    shadow.position += chunk.token_count;
    ASSERT_TRUE(chunk.decodes || shadow.position <= shadow.spec.prompt_tokens());
    ASSERT_LE(shadow.position, shadow.known) << "only known tokens are computed";
    ASSERT_EQ(chunk.samples, shadow.position == shadow.known);
    if (!chunk.samples) return;
    ++shadow.known;
    std::vector<SequenceId> sampled{chunk.sequence};
    if (shadow.spec.answers > 1 && !shadow.forked) fork(shadow, sampled);
    for (const SequenceId id : sampled) end_if_done(id);
  }

  void end_if_done(SequenceId id) {
    const Shadow& shadow = alive_.at(id);
    const bool goes_on =
        shadow.known - shadow.spec.prompt_tokens() <= shadow.answer_tokens && shadow.known <= shadow.spec.tokens_max;
    if (goes_on) return;
    ASSERT_TRUE(scheduler_.remove(id));
    alive_.erase(id);
    ++finished_;
  }

  void fork(Shadow& parent, std::vector<SequenceId>& sampled) {
    parent.forked = true;
    std::vector<SequenceId> ids;
    for (int32_t i = 1; i < parent.spec.answers; ++i) ids.push_back(parent.spec.id + static_cast<SequenceId>(i));
    scheduler_.fork(parent.spec.id, ids);
    for (const SequenceId id : ids) {
      Shadow child = parent;
      child.spec.id = id;
      child.answer_tokens = 1 + below(child.answer_tokens + 1);
      alive_.emplace(id, child);
      sampled.push_back(id);
    }
  }

  // After every step: pages add up and are owned by exactly those who say so; everybody alive is known.
  void look() {
    size_t waiting = 0;
    std::vector<std::map<int32_t, int32_t>> owners(world_.groups.size());
    for (const auto& [id, shadow] : alive_) {
      const auto tables = scheduler_.page_tables(id);
      waiting += tables.empty() ? 1 : 0;
      for (size_t g = 0; g < tables.size(); ++g) {
        for (const int32_t page : tables[g]) {
          if (page >= 0) ++owners[g][page];
        }
      }
      ASSERT_LT(scheduler_.step() - shadow.arrival, 50000) << "sequence " << id << " starves";
    }
    ASSERT_EQ(waiting, scheduler_.waiting_count()) << "a request is lost or there twice";
    ASSERT_EQ(alive_.size() - waiting, scheduler_.running_count());
    ASSERT_LE(scheduler_.running_count(), static_cast<size_t>(world_.limits.running_max));
    for (size_t g = 0; g < owners.size(); ++g) {
      const PagePool& pool = scheduler_.pools()[g];
      ASSERT_EQ(pool.free_count() + pool.owned_count() + pool.idle_count(), pool.page_count());
      ASSERT_EQ(owners[g].size(), static_cast<size_t>(pool.owned_count())) << last_plan_;
      for (const auto& [page, count] : owners[g]) ASSERT_EQ(pool.owners(page), count) << "page " << page;
    }
    ASSERT_EQ(scheduler_.counters().transitions.refused, 0U);
  }

  // Everybody reads again and nobody arrives: all end.
  void drain() {
    for (auto& [id, shadow] : alive_) {
      shadow.paused = false;
      scheduler_.set_paused(id, false);
    }
    for (int i = 0; !alive_.empty() && !testing::Test::HasFatalFailure(); ++i) {
      ASSERT_LT(i, 50000) << "the scheduler stands still: " << last_plan_;
      step();
      look();
    }
    for (const PagePool& pool : scheduler_.pools()) ASSERT_EQ(pool.owned_count(), 0);
  }

  std::mt19937 random_;
  World world_;
  Scheduler scheduler_;
  std::map<SequenceId, Shadow> alive_;
  SequenceId next_id_ = 1;
  int64_t preemptions_ = 0;
  int64_t finished_ = 0;
  std::string last_plan_;
};

TEST(SchedulerSim, invariants_hold_after_every_step) {
  const int64_t steps = from_environment("MLXS_SIM_STEPS", 100000);
  const int64_t fixed = from_environment("MLXS_SIM_SEED", -1);
  constexpr int64_t kStepsAWorld = 2500;
  std::random_device device;
  for (int64_t done = 0; done < steps && !HasFatalFailure(); done += kStepsAWorld) {
    const uint32_t seed = fixed >= 0 ? static_cast<uint32_t>(fixed) : device();
    SCOPED_TRACE(testing::Message() << "MLXS_SIM_SEED=" << seed);
    Simulation simulation(seed);
    try {
      simulation.run(kStepsAWorld);
    } catch (const std::exception& e) {
      ADD_FAILURE() << e.what();
    }
    if (HasFailure()) {
      ADD_FAILURE() << "last plan: " << simulation.last_plan();
      return;
    }
  }
}

}  // namespace
}  // namespace mlxserving::scheduler
