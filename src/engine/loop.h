// The engine loop: inbox → plan → step → tokens, on the one thread that owns MLX.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "core/bounded_queue.h"
#include "engine/generation.h"
#include "engine/runner.h"
#include "scheduler/scheduler.h"

namespace mlxserving::engine {

// What other threads ask of the loop. Cancellation and resumption are flags of the stream, read between steps.
struct Submit {
  std::unique_ptr<Generation> generation;
};
struct Wake {};  // look at the flags
using Command = std::variant<Submit, Wake>;

constexpr size_t kInboxMax = 4096;
using Inbox = BoundedQueue<Command>;

class Loop {
 public:
  Loop(Inbox& inbox, Runner& runner, const scheduler::Limits& limits, std::vector<scheduler::PageGroup> groups);

  // Runs until the inbox is closed, then cancels what is left.
  void run();

 private:
  bool has_work() const;
  void read_inbox();
  void obey(Command command);
  void read_flags();
  void step();
  std::vector<ChunkTokens> chunk_tokens(const scheduler::Plan& plan) const;
  void take_tokens(const scheduler::Plan& plan, StepLogits& logits);
  void end(scheduler::SequenceId id, FinishReason reason);
  void fail_all(const Error& error);

  Inbox& inbox_;
  Runner& runner_;
  scheduler::Limits limits_;
  std::vector<scheduler::PageGroup> groups_;
  scheduler::Scheduler scheduler_;
  std::map<scheduler::SequenceId, std::unique_ptr<Generation>> generations_;
  scheduler::SequenceId next_id_ = 1;
  sampling::Workspace workspace_;
};

}  // namespace mlxserving::engine
