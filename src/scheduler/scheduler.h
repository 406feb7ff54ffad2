// Who runs next. Holds the waiting and the running sequences and the pages they own; plan() decides, apply(), commit(),
// fork() and remove() carry out. No MLX, no threads, no clock: a simulator can run it a million steps a minute.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include "mlxserving/error.h"
#include "mlxserving/request.h"
#include "scheduler/held_pages.h"
#include "scheduler/lifecycle.h"
#include "scheduler/page_pool.h"
#include "scheduler/plan.h"
#include "scheduler/prefix_cache.h"
#include "scheduler/request_queue.h"
#include "scheduler/transitions.h"

namespace mlxserving::scheduler {

struct Limits {
  int32_t rows_max = 512;               // of one step; more than chunk_tokens
  int32_t running_max = 64;             // sequences at once, the forks to come included; one request may be more
  int32_t queue_max = 1024;             // waiting sequences; as the first limits say
  int32_t prefills_max = 4;             // prompts that advance by turns; more would only make all of them late
  int32_t chunk_tokens = kChunkTokens;  // of one step's part of a prompt; divides kChunkTokens
  bool prefix_cache = true;
};

struct SequenceSpec {
  SequenceId id = 0;
  std::shared_ptr<const std::vector<int32_t>> prompt;  // at least one token; shared with the forks and the request
  int32_t tokens_max = 0;                              // prompt and answer together
  int32_t answers = 1;                                 // sequences that fork() will make of it, itself included
  Priority priority = Priority::normal;
  bool computes_all = false;  // every row of the prompt is wanted: none comes from the prefix cache

  int32_t prompt_tokens() const { return static_cast<int32_t>(prompt->size()); }
};

// Before a step: the bytes of page `from` go to page `to`, because two sequences go on differently from there.
struct PageCopy {
  size_t group = 0;
  int32_t from = 0;
  int32_t to = 0;
};

// Plain counts since the start.
struct Counters {
  uint64_t admissions = 0;
  uint64_t preemptions = 0;
  uint64_t forks = 0;
  uint64_t page_copies = 0;
  uint64_t cached_tokens = 0;  // of admissions
  Transitions transitions = {};

  Counters& operator+=(const Counters& other);
};

// Lives on the engine thread.
//
// Who runs: sequences have a rank (request_queue.h). Pages are taken as a sequence grows. When a pool runs dry, idle
// pages of the prefix cache are reclaimed first; then sequences are preempted: paused ones, then those of the highest
// rank, never one for a sequence of higher rank than its own. A preempted sequence returns to its place in the queue
// and computes its tokens again, its prompt as prompt and its answer as decode rows, so that no bit changes. The first
// of all never waits for pages, so it ends, and then another is first: nobody starves.
class Scheduler {
 public:
  Scheduler(const Limits& limits, std::span<const PageGroup> groups);
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Puts a sequence into the queue. Errors: resource_exhausted when the queue takes no more or when the sequence could
  // not run even alone, with the bytes it needs and those there are.
  Result<void> enqueue(const SequenceSpec& spec);

  // A row for each running sequence that is past its prompt and not paused (by turns, if they are more than the rows);
  // then chunks of prompts by turns, with those at the head of the queue taking their turn too, while rows and pages
  // last. Decides everything, changes nothing.
  Plan plan() const;

  // Carries out the plan: takes and gives back pages, advances the sequences over its chunks. The copies come before
  // the step.
  std::vector<PageCopy> apply(const Plan& plan);

  // The step of the plan has been computed: whole pages of prompts go into the prefix cache. Sequences removed since
  // are passed over.
  void commit(const Plan& plan);

  // Pages for a chunk whose keys and values come from elsewhere: the last kChunkTokens tokens of `prompt`, of which all
  // before are in the prefix cache. They are kept and idle: the next sequence with this prompt finds them, if the
  // caller has filled them by then. [group][page]; empty if there is no room or the beginning is missing.
  std::vector<std::vector<int32_t>> install(std::span<const int32_t> prompt);
  // Tokens at the beginning of a prompt that the prefix cache has in every group.
  int32_t kept_tokens(std::span<const int32_t> prompt) const;

  // The answers `ids` go on from where sequence `parent`, whose prompt is done, stands. They share its pages; who
  // writes into a shared page gets a copy.
  void fork(SequenceId parent, std::span<const SequenceId> ids);

  // So many tokens of its answer are known beyond the one that was sampled: they get rows together with it.
  void extend(SequenceId id, int32_t tokens);

  // A paused sequence gets no rows, its reader is slow; it keeps its pages while nobody else needs them.
  void set_paused(SequenceId id, bool paused);

  // Finished, failed or cancelled, waiting or running: frees its pages. False if unknown.
  bool remove(SequenceId id);

  // Its page tables, one a group, valid while it runs and until the next apply(); none while it waits.
  std::vector<std::span<const int32_t>> page_tables(SequenceId id) const;

  // For the plans from now on; what runs goes on.
  void set_limits(const Limits& limits);
  const Limits& limits() const { return limits_; }

  bool has(SequenceId id) const { return sequences_.contains(id); }
  size_t waiting_count() const { return queue_.ranks().size(); }
  size_t running_count() const { return running_.size(); }
  size_t paused_count() const;
  int64_t step() const { return step_; }
  std::span<const PagePool> pools() const { return pools_; }
  const PrefixCache& prefix_cache() const { return cache_; }
  Counters counters() const;
  const char* queue_state() const { return queue_.state_name(); }

 private:
  struct Sequence {
    SequenceSpec spec;
    Rank rank = {};
    int64_t arrival = 0;  // the step it was enqueued in
    int32_t known = 0;    // tokens it has: of its prompt and sampled
    bool paused = false;
    Lifecycle life = {};
  };
  struct Demand {  // pages of one group
    int32_t take = 0;
    int32_t give = 0;
  };
  struct Draft;  // a plan in the making, scheduler_plan.cpp

  const Sequence& at(SequenceId id) const { return sequences_.at(id); }
  Result<void> check_fits(const SequenceSpec& spec) const;
  Demand demand(size_t group, const HeldPages& held, int32_t begin, int32_t end) const;

  std::vector<const Sequence*> choose_decoding(int32_t rows) const;
  void plan_decodes(Draft& draft) const;
  void plan_prompts(Draft& draft) const;
  void plan_prefill(Draft& draft, const Sequence& sequence) const;
  bool plan_admission(Draft& draft, const Sequence& sequence) const;
  bool make_room(Draft& draft, const Sequence& sequence, const Chunk& chunk) const;
  const Sequence* victim(const Draft& draft, const Sequence& sequence) const;
  void preempt(Draft& draft, const Sequence& sequence) const;
  int32_t pages_to_come(size_t group, const Sequence& sequence) const;

  void carry_out_preemption(SequenceId id);
  void carry_out_admission(const Admission& admission);
  void slide_windows(const Chunk& chunk);
  void advance(const Chunk& chunk, std::vector<PageCopy>& copies);
  int32_t take_page(size_t group);
  void give_back(Holding& pages);

  Limits limits_;
  std::vector<PageGroup> groups_;
  std::vector<PagePool> pools_;
  PrefixCache cache_;
  RequestQueue queue_;
  std::map<SequenceId, Sequence> sequences_;
  std::set<Rank> running_;
  int64_t step_ = 0;
  int64_t last_admission_ = 0;  // the step of it
  Counters counters_;
};

}  // namespace mlxserving::scheduler
