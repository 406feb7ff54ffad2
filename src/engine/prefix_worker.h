// The thread that reads and writes the files of stored prefixes, so that no step waits for a disk.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "core/bounded_queue.h"
#include "core/doorbell.h"
#include "engine/prefix_store.h"
#include "scheduler/plan.h"

namespace mlxserving::engine {

// A chunk that a sequence waits for. A file that is not what it should be is deleted.
struct PrefixRead {
  scheduler::SequenceId sequence = 0;
  PrefixChunk chunk;
};
// A chunk to be kept, and files that go before it comes.
struct PrefixWrite {
  PrefixChunk chunk;
  PrefixPages pages;
  std::vector<std::string> deleted;
};
using PrefixJob = std::variant<PrefixRead, PrefixWrite>;

struct PrefixReadDone {
  PrefixRead read;
  Result<PrefixPages> pages;
};
struct PrefixWriteDone {
  std::string name;
  int64_t bytes = 0;  // of the file
  Result<void> written;
};
using PrefixOutcome = std::variant<PrefixReadDone, PrefixWriteDone>;

constexpr size_t kPrefixJobsMax = 64;
constexpr size_t kPrefixOutcomesMax = 8;  // chunks in memory that wait for the next step; then the thread waits

// Jobs are done in their order: what was to be written before can be read after. The engine thread calls everything.
class PrefixWorker {
 public:
  // `bell` is rung when an outcome is there.
  PrefixWorker(PrefixStoreOptions store, std::shared_ptr<Doorbell> bell);
  // Writes what is still to be written, reads no more.
  ~PrefixWorker();
  PrefixWorker(const PrefixWorker&) = delete;
  PrefixWorker& operator=(const PrefixWorker&) = delete;

  // Never waits: false when full, the job is then untouched.
  bool try_push(PrefixJob& job) { return jobs_.try_push(job); }
  size_t room() const { return jobs_.room(); }
  std::optional<PrefixOutcome> try_pop() { return outcomes_.try_pop(); }

 private:
  void run();
  PrefixOutcome done(PrefixRead read) const;
  PrefixOutcome done(const PrefixWrite& write) const;

  const PrefixStoreOptions store_;
  const std::shared_ptr<Doorbell> bell_;  // shared: the engine thread's own
  BoundedQueue<PrefixJob> jobs_{kPrefixJobsMax};
  BoundedQueue<PrefixOutcome> outcomes_{kPrefixOutcomesMax};
  std::thread thread_;
};

}  // namespace mlxserving::engine
