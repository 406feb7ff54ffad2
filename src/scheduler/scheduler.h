// Who runs next. Holds the waiting and the running sequences and the pages they own; plan() decides, apply(), advance()
// and remove() carry out. No MLX, no threads, no clock: a simulator can run it a million steps a minute.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <vector>

#include "mlxserving/error.h"
#include "scheduler/page_pool.h"
#include "scheduler/plan.h"

namespace mlxserving::scheduler {

// Prefill chunks begin on multiples of this, so that a prompt is cut the same way whatever else runs (decision 5).
constexpr int32_t kChunkTokens = 256;

// The pages of one layer group (nn::KvLayout): `window` 0 keeps every position, otherwise a ring holds the last ones.
struct PageGroup {
  int32_t page_count = 0;
  int32_t page_tokens = 0;
  int32_t window = 0;
};

// Pages of a group that a sequence of `tokens` tokens needs.
int32_t pages_needed(int32_t tokens, const PageGroup& group);

struct Limits {
  int32_t rows_max = 512;               // of one step
  int32_t running_max = 64;             // sequences at once
  int32_t queue_max = 1024;             // waiting sequences
  int32_t chunk_tokens = kChunkTokens;  // of one step's part of a prompt; divides kChunkTokens
};

struct SequenceSpec {
  SequenceId id = 0;
  int32_t prompt_tokens = 0;  // at least 1
  int32_t tokens_max = 0;     // prompt and answer together: what its pages must hold
};

// Lives on the engine thread.
class Scheduler {
 public:
  Scheduler(const Limits& limits, std::span<const PageGroup> groups);

  // Puts a sequence at the end of the queue. Errors: resource_exhausted when the queue is full or when the sequence
  // could not run even alone, with the pages it needs and those there are.
  Result<void> enqueue(const SequenceSpec& spec);

  // For the plans from now on; what runs goes on.
  void set_limits(const Limits& limits);
  const Limits& limits() const { return limits_; }

  // Decode rows of all running sequences that are not paused, then prompts in order of arrival, then the queue while
  // pages and rows last. Decides everything, changes nothing.
  Plan plan() const;

  // Carries out the plan's admissions and advances the sequences over its chunks.
  void apply(const Plan& plan);

  // A paused sequence keeps its pages and gets no rows: its reader is slow.
  void set_paused(SequenceId id, bool paused);

  // Finished, failed or cancelled, waiting or running: frees its pages. False if unknown.
  bool remove(SequenceId id);

  // Its page tables, one a group, valid while it runs; none while it waits.
  std::vector<std::span<const int32_t>> page_tables(SequenceId id) const;

  size_t waiting_count() const { return waiting_.size(); }
  size_t running_count() const { return running_.size(); }
  size_t paused_count() const;
  std::span<const PagePool> pools() const { return pools_; }

 private:
  struct Running {
    SequenceSpec spec;
    int32_t position = 0;  // tokens already in the cache
    bool paused = false;
    std::vector<std::vector<int32_t>> pages;  // [group]
  };

  bool fits(const SequenceSpec& spec, std::span<const int32_t> pages_free) const;
  void plan_decodes(Plan& plan, int32_t& rows_left) const;
  void plan_prompts(Plan& plan, int32_t& rows_left) const;
  void plan_admissions(Plan& plan, int32_t& rows_left) const;

  Limits limits_;
  std::vector<PageGroup> groups_;
  std::vector<PagePool> pools_;
  std::deque<SequenceSpec> waiting_;
  std::map<SequenceId, Running> running_;  // ids grow with arrival, so this order is fair
};

}  // namespace mlxserving::scheduler
