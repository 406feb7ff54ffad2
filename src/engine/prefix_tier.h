// Moves pages between the KV cache and the prefix store: what was computed goes to files, what a prompt will need comes
// from them.
#pragma once

#include <span>
#include <string>

#include "engine/prefix_store.h"
#include "mlxserving/error.h"
#include "nn/kv_view.h"
#include "scheduler/scheduler.h"

namespace mlxserving::engine {

// What a model's pages depend on: its configuration, its weights (names, sizes, headers and samples of the files) and
// `how` they are computed. Errors: io.
Result<std::string> model_fingerprint(const std::string& model_dir, const std::string& how);

// Engine thread. A store that fails is used no more: requests go on without it.
class PrefixTier {
 public:
  PrefixTier(PrefixStore store, nn::KvStore& kv) : store_(std::move(store)), kv_(kv) {}

  // Fills pages for the prompt's next whole chunks behind what is cached, as far as files and room go.
  void restore(std::span<const int32_t> prompt, scheduler::Scheduler& scheduler);

  // After a step: the chunk of kChunkTokens that ends at `position_end` of this sequence's prompt, if one does.
  void save(scheduler::SequenceId id, std::span<const int32_t> prompt, int32_t position_end,
            const scheduler::Scheduler& scheduler);

  const std::string& trouble() const { return trouble_; }  // why it is used no more; empty: it is

 private:
  PrefixStore store_;
  nn::KvStore& kv_;
  std::string trouble_;
};

}  // namespace mlxserving::engine
