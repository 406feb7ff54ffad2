// The loop of one model: inbox → plan → step → tokens, driven by the one thread that owns MLX.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/active_request.h"
#include "engine/governor.h"
#include "engine/guide_workers.h"
#include "engine/inbox.h"
#include "engine/port.h"
#include "engine/prefix_tier.h"
#include "engine/runner.h"
#include "scheduler/scheduler.h"
#include "scheduler/stream_registry.h"

namespace mlxserving::engine {

struct LoopOptions {
  scheduler::Limits limits = {};
  double latency_target_ms = 0;       // of a step; 0: none
  PrefixTier* prefix_tier = nullptr;  // outlives the loop; null: none
  GuideWorkers* guides = nullptr;     // outlives the loop; null: grammars work on the loop's thread
};

class Loop {
 public:
  using Clock = std::chrono::steady_clock;

  Loop(Port& port, Runner& runner, const LoopOptions& options, std::vector<scheduler::PageGroup> groups);

  // Takes in commands and flags, and plans. True if there is a step to run.
  bool read();

  // Runs the step that read() planned.
  void step();

  // When read() is due although nobody rings.
  Clock::time_point wake_at() const;

  // Something broke that cannot break: what is in hand fails, the state starts afresh.
  void rebuild(const Error& error);

  // Everything that has not ended is cancelled.
  void close();

 private:
  using SequenceId = scheduler::SequenceId;
  // Sequences of a request have consecutive ids, from its key here on.
  using Requests = std::map<SequenceId, std::unique_ptr<ActiveRequest>>;
  // One answer of one request, found by its sequence.
  struct Answer {
    Requests::iterator request;
    int32_t index = 0;
    ActiveRequest& operator*() const { return *request->second; }
    ActiveRequest* operator->() const { return request->second.get(); }
  };

  // One answer's next token.
  struct Draw {
    SequenceId id;
    const Generation& generation;
    std::span<const float> logits;
    Result<std::span<const uint32_t>> allowed;
    Result<sampling::Sampled> sampled = sampling::Sampled{};
  };

  void obey(Command command);
  void fetch_prompt(SequenceId id, ActiveRequest& request);
  void take_fetched();
  void set_paused(SequenceId id, ActiveRequest& request);
  void ask_guide(const Answer& answer, std::optional<int32_t> token);
  void take_guides();
  void take_guide(const Answer& answer);
  void read_flags();
  void read_stream(SequenceId id, ActiveRequest& request, Clock::time_point now);
  Answer find(SequenceId id);
  std::vector<ChunkTokens> chunk_tokens(const scheduler::Plan& plan);
  void start(const scheduler::Admission& admission);
  void take_output(const scheduler::Plan& plan, const StepOutput& output);
  void save_prompts(const scheduler::Plan& plan);
  void take_prompt(const scheduler::Chunk& chunk, const OutputRows& rows);
  void add_draws(const Answer& first, std::span<const float> logits, std::vector<Draw>& draws);
  void choose(std::vector<Draw>& draws);
  void take_token(const Draw& draw);
  void fork(const Answer& first);
  void fail_step(const scheduler::Plan& plan, const Error& error);

  void finish(const Answer& answer, FinishReason reason);
  void fail(const Answer& answer, const Error& error);
  void finish_all(Requests::iterator request, FinishReason reason);
  void fail_all(Requests::iterator request, const Error& error);
  void close_answer(const Answer& answer);
  void count_end(const ActiveRequest& request);

  void step_failed(const std::string& why);
  void count_step(const scheduler::Plan& plan, double step_ms, double host_ms);
  void count_token(const Generation& generation);
  void publish();

  Port& port_;
  Runner& runner_;
  LoopOptions options_;
  std::vector<scheduler::PageGroup> groups_;
  std::optional<scheduler::Scheduler> scheduler_;  // always there; made anew by rebuild()
  scheduler::Counters counted_;                    // by schedulers that rebuild() replaced
  scheduler::Plan plan_;                           // of the next step
  Requests requests_;
  scheduler::StreamRegistry streams_;
  struct Asked {
    bool is_awaited;
    bool is_late = false;  // its answer gets no row
  };
  std::map<SequenceId, Asked> asked_;  // answers whose guide works
  SequenceId next_id_ = 1;
  Clock::time_point next_deadline_ = Clock::time_point::max();
  std::vector<sampling::Workspace> workspaces_;  // [thread of the runner]
  Governor governor_;
  Report report_ = make_report();
  bool is_published_ = false;
  double read_ms_ = 0;  // spent by read() since the last step
};

}  // namespace mlxserving::engine
