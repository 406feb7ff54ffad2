// Moves pages between the KV cache and the files of stored prefixes: what was computed is written, what a prompt will
// need is read while its request waits and others go on.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/prefix_store.h"
#include "engine/prefix_worker.h"
#include "mlxserving/error.h"
#include "nn/kv_view.h"
#include "scheduler/scheduler.h"

namespace mlxserving::engine {

// What a model's pages depend on: its configuration, its weights (names, sizes, headers and samples of the files) and
// `how` they are computed. Errors: io.
Result<std::string> model_fingerprint(const std::string& model_dir, const std::string& how);

// Engine thread; never waits for a file. Once a file could not be written no more are; what is there is still read.
class PrefixTier {
 public:
  using SequenceId = scheduler::SequenceId;

  // `kv` outlives it. `bell` is rung when take_read() is due.
  PrefixTier(PrefixIndex index, nn::KvStore& kv, std::shared_ptr<Doorbell> bell);

  // True if files go on where the cache ends: they are being read, and the sequence should wait for take_read() to
  // name it.
  bool fetch(SequenceId id, std::shared_ptr<const std::vector<int32_t>> prompt, const scheduler::Scheduler& scheduler);
  bool is_fetching(SequenceId id) const { return fetches_.contains(id); }
  // It ended. What is still read for it is dropped.
  void forget(SequenceId id) { fetches_.erase(id); }

  // Between steps: puts what was read into pages, as far as there is room. Gives the sequences that wait no longer.
  std::vector<SequenceId> take_read(scheduler::Scheduler& scheduler);

  // After a step: the chunk of kChunkTokens that ends at `position_end` of this sequence's prompt, if one does. Skipped
  // when too much waits to be written.
  void save(SequenceId id, std::span<const int32_t> prompt, int32_t position_end,
            const scheduler::Scheduler& scheduler);

  const std::string& trouble() const { return trouble_; }  // why nothing is written any more; empty: it is

 private:
  // A sequence that waits for chunks of its prompt.
  struct Fetch {
    std::shared_ptr<const std::vector<int32_t>> prompt;  // shared with the request
    std::vector<PrefixChunk> chunks;                     // to be read, in order
    size_t asked = 0;
    size_t answered = 0;
    bool is_whole = true;  // so far; the rest is worth nothing once one is missing

    bool is_done() const { return answered == asked && (asked == chunks.size() || !is_whole); }
  };

  void ask();
  void take(PrefixReadDone done, scheduler::Scheduler& scheduler);
  void take(const PrefixWriteDone& done);
  bool install(std::span<const int32_t> beginning, const PrefixPages& pages, scheduler::Scheduler& scheduler);
  PrefixPages copy_pages(std::span<const std::span<const int32_t>> tables, int32_t position_end);

  PrefixIndex index_;
  nn::KvStore& kv_;
  std::map<SequenceId, Fetch> fetches_;
  size_t reading_ = 0;         // chunks on their way
  int64_t writing_bytes_ = 0;  // of chunks on their way
  std::string trouble_;
  PrefixWorker worker_;
};

}  // namespace mlxserving::engine
