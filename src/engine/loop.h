// The loop of one model: inbox → plan → step → tokens, driven by the one thread that owns MLX.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/generation.h"
#include "engine/governor.h"
#include "engine/inbox.h"
#include "engine/port.h"
#include "engine/runner.h"
#include "scheduler/scheduler.h"

namespace mlxserving::engine {

struct LoopOptions {
  scheduler::Limits limits = {};
  double latency_target_ms = 0;  // of a step; 0: none
};

class Loop {
 public:
  using Clock = std::chrono::steady_clock;

  Loop(Port& port, Runner& runner, const LoopOptions& options, std::vector<scheduler::PageGroup> groups);

  // Takes in commands and flags. True if there is a step to run.
  bool read();

  // Runs one step.
  void step();

  // When read() is due although nobody rings.
  Clock::time_point wake_at() const;

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
  void fail(scheduler::SequenceId id, const Error& error);
  void count_step(const scheduler::Plan& plan, double step_ms, double host_ms);
  void publish();

  Port& port_;
  Runner& runner_;
  LoopOptions options_;
  std::vector<scheduler::PageGroup> groups_;
  scheduler::Scheduler scheduler_;
  std::map<scheduler::SequenceId, std::unique_ptr<Generation>> generations_;
  scheduler::SequenceId next_id_ = 1;
  sampling::Workspace workspace_;
  Governor governor_;
  Report report_ = make_report();
  bool is_published_ = false;
  double read_ms_ = 0;  // spent by read() since the last step
};

}  // namespace mlxserving::engine
