// The loop of one model: inbox → plan → step → tokens, driven by the one thread that owns MLX.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "engine/generation.h"
#include "engine/inbox.h"
#include "engine/runner.h"
#include "scheduler/scheduler.h"

namespace mlxserving::engine {

class Loop {
 public:
  using Clock = std::chrono::steady_clock;

  Loop(Inbox& inbox, Runner& runner, const scheduler::Limits& limits, std::vector<scheduler::PageGroup> groups);

  // Takes in commands and flags. True if there is a step to run.
  bool read();

  // Runs one step.
  void step();

  // When read() is due although nobody rings.
  Clock::time_point wake_at() const { return Clock::time_point::max(); }

  // Something broke that cannot break: what is in hand fails, the state starts afresh.
  void rebuild(const Error& error);

  // Everything that has not ended is cancelled.
  void close();

 private:
  void obey(Command command);
  void read_flags();
  std::vector<ChunkTokens> chunk_tokens(const scheduler::Plan& plan) const;
  void take_tokens(const scheduler::Plan& plan, StepLogits& logits);
  void end(scheduler::SequenceId id, FinishReason reason);

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
