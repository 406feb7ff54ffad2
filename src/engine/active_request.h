// One request on the engine thread, from the queue to its last event: its answers, its stream, its deadlines.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/generation.h"
#include "engine/prepare.h"
#include "engine/prompt_outputs.h"
#include "engine/runner.h"
#include "engine/stream_state.h"
#include "engine/text_model.h"
#include "mlxserving/event.h"
#include "sampling/sampler.h"
#include "scheduler/scheduler.h"

namespace mlxserving::engine {

// Made on the caller's thread, then the engine thread's. `text` outlives it. The answers beyond the first come to life
// when fork() is called.
class ActiveRequest {
 public:
  using Clock = std::chrono::steady_clock;

  static Result<std::unique_ptr<ActiveRequest>> create(Prepared prepared, const TextModel& text,
                                                       std::shared_ptr<StreamState> stream);

  const Prepared& prepared() const { return *prepared_; }
  StreamState& stream() { return *stream_; }
  int32_t prompt_tokens() const { return static_cast<int32_t>(prepared_->ids.size()); }
  // Nothing is to be computed: no token was asked for, nor anything about the prompt.
  bool is_done_at_once() const;
  // The scheduler's view of it; answer i runs as sequence id + i.
  scheduler::SequenceSpec spec(scheduler::SequenceId id) const;

  // Rows of an answer's sequence: tokens of the prompt, or of the answer behind it.
  std::span<const int32_t> tokens(int32_t answer, const scheduler::Chunk& chunk) const;
  RowOutput output() const;  // what rows of its prompt must give

  // Admitted, at first or again after a preemption; `cached_tokens` of its prompt are not computed.
  void start(const scheduler::Admission& admission);
  bool has_started() const { return started_.has_value(); }

  // A chunk of its prompt has been computed. True if it ends with this one, because no token was asked for.
  bool take_prompt(const scheduler::Chunk& chunk, const OutputRows& rows);
  // The prompt is done: from now on there are answers() of them.
  void fork();
  bool must_fork() const { return answers_.size() < static_cast<size_t>(prepared_->answers); }

  // As Generation's.
  std::optional<FinishReason> take_token(int32_t answer, const sampling::Sampled& sampled,
                                         std::span<const float> logits);
  Generation::Taken take_forced(int32_t answer);
  Generation& generation(int32_t answer) { return *answers_.at(static_cast<size_t>(answer)); }

  // The last event of one answer. After it nothing more may be called for that answer.
  void finish(int32_t answer, FinishReason reason);
  void fail(int32_t answer, const Error& error);

  // Answers without their last event.
  const std::vector<int32_t>& running() const { return running_; }
  bool has_failed() const { return has_failed_; }
  bool was_cancelled() const { return was_cancelled_; }

  // When it runs over its time-outs: never while its reader pauses it, for that is not the engine's time.
  Clock::time_point deadline() const;
  Error overdue() const;  // what it then fails with
  void set_paused(bool paused);
  bool is_paused() const { return is_paused_; }

  const Timings& timings() const { return timings_; }  // of what all answers share
  const Usage& usage() const { return usage_; }
  double elapsed_ms() const;  // since submit

 private:
  ActiveRequest(std::shared_ptr<const Prepared> prepared, const TextModel& text, std::shared_ptr<StreamState> stream,
                std::unique_ptr<Generation> first, Clock::time_point submitted);
  void tell_progress(int32_t tokens_done);
  Clock::time_point token_deadline() const;

  std::shared_ptr<const Prepared> prepared_;  // shared with the answers and the scheduler
  const TextModel& text_;
  std::shared_ptr<StreamState> stream_;
  std::vector<std::unique_ptr<Generation>> answers_;
  std::vector<int32_t> running_;
  PromptScoring scores_;
  EmbeddingPool pool_;
  Clock::time_point submitted_;
  std::optional<Clock::time_point> started_;
  Clock::time_point last_token_;  // or the start of the prompt, or when its reader came back
  bool is_paused_ = false;
  bool has_failed_ = false;
  bool was_cancelled_ = false;
  int32_t progress_told_ = 0;
  Timings timings_;
  Usage usage_;
};

}  // namespace mlxserving::engine
