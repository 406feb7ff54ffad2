// One request on the engine thread: its tokens, how the next is chosen, and the text that has become certain.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/prepare.h"
#include "engine/stream_state.h"
#include "engine/text_model.h"
#include "mlxserving/event.h"
#include "sampling/sampler.h"
#include "text/detokenizer.h"
#include "text/stop_matcher.h"

namespace mlxserving::engine {

// Made on the caller's thread, then the engine thread's. `text` outlives it.
class Generation {
 public:
  static Result<std::unique_ptr<Generation>> create(Prepared prepared, const TextModel& text,
                                                    std::shared_ptr<StreamState> stream);

  std::span<const int32_t> tokens() const { return tokens_; }  // prompt and answer so far
  int32_t prompt_token_count() const { return prompt_token_count_; }
  int32_t tokens_max() const { return prepared_.tokens_max; }
  StreamState& stream() { return *stream_; }
  const Timings& timings() const { return timings_; }
  double token_gap_ms() const { return token_gap_ms_; }  // from the last token but one to the last; 0 after the first
  double elapsed_ms() const;                             // since submit

  // Its first step begins.
  void start();

  // Chooses the next token from the logits and tells the reader; the reason if the answer ends with it. The stream has
  // room (can_take_a_token). An Error ends the request.
  Result<std::optional<FinishReason>> take_token(std::span<const float> logits, sampling::Workspace& workspace);

  // The last event. After one of them nothing more may be called.
  void finish(FinishReason reason);
  void fail(const Error& error);

 private:
  using Clock = std::chrono::steady_clock;

  Generation(Prepared prepared, const TextModel& text, std::shared_ptr<StreamState> stream, text::StopMatcher stops);
  TextDelta make_delta(const sampling::Sampled& sampled, std::span<const float> logits) const;
  void append_text(int32_t token, TextDelta& delta);
  std::optional<FinishReason> reason_to_end(int32_t token) const;
  void take_time();

  Prepared prepared_;
  const TextModel& text_;
  std::shared_ptr<StreamState> stream_;
  std::vector<int32_t> tokens_;
  int32_t prompt_token_count_;
  sampling::Sampler sampler_;
  text::Detokenizer detokenizer_;
  text::StopMatcher stops_;
  bool stop_text_found_ = false;
  Clock::time_point submitted_ = Clock::now();
  Timings timings_;
  double last_token_ms_ = 0;
  double token_gap_ms_ = 0;
};

}  // namespace mlxserving::engine
