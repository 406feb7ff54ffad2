// One answer on the engine thread: its tokens, how the next is chosen, and the text that has become certain.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/guide.h"
#include "engine/prepare.h"
#include "engine/stream_state.h"
#include "engine/text_model.h"
#include "mlxserving/event.h"
#include "sampling/sampler.h"
#include "text/detokenizer.h"
#include "text/stop_matcher.h"

namespace mlxserving::engine {

// Made on the caller's thread or, by a fork, on the engine thread, whose it then is. `text` outlives it.
class Generation {
 public:
  using Clock = std::chrono::steady_clock;

  // `answer` in [0, prepared.answers); `submitted` is when its request was.
  static Result<std::unique_ptr<Generation>> create(std::shared_ptr<const Prepared> prepared, const TextModel& text,
                                                    int32_t answer, Clock::time_point submitted);

  std::span<const int32_t> tokens() const { return tokens_; }  // so far
  double first_token_ms() const { return first_token_ms_; }    // since submit; 0 before it
  double token_gap_ms() const { return token_gap_ms_; }  // from the last token but one to the last; 0 after the first

  // Null for free text. Its work is the caller's to order: first without a token, then after each.
  const std::shared_ptr<Guide>& guide() const { return guide_; }
  // How many forced tokens may be told at once, with so much room for events; none where each is wanted with its
  // logits.
  size_t forced_max(size_t events) const;
  // What choose() may choose from, as Sampler::sample takes it; valid until the guide's next work. An Error ends the
  // answer.
  Result<std::span<const uint32_t>> allowed() const;
  // The next token. Changes nothing: any thread, while the engine's waits. An Error ends the answer.
  Result<sampling::Sampled> choose(std::span<const float> logits, std::span<const uint32_t> allowed,
                                   sampling::Workspace& workspace) const;
  // Appends what was chosen and tells the reader; the reason if the answer ends with it. The stream has room
  // (can_take_tokens).
  std::optional<FinishReason> take_token(const sampling::Sampled& sampled, std::span<const float> logits,
                                         StreamState& stream);
  // The guide's work is done: what is forced is told as if it had been chosen.
  struct Taken {
    int32_t tokens = 0;
    std::optional<FinishReason> reason = {};
  };
  Taken take_forced(StreamState& stream);
  // An answer of the same request that begins where `first` stands, behind the prompt.
  void begin_as(const Generation& first);

  // What the answer ends with: the text still held back, and its counts. The request adds what it knows.
  Finished finish(FinishReason reason);

 private:
  Generation(std::shared_ptr<const Prepared> prepared, const TextModel& text, int32_t answer,
             Clock::time_point submitted, text::StopMatcher stops);
  TextDelta make_delta(const sampling::Sampled& sampled, std::span<const float> logits) const;
  void append_text(int32_t token, TextDelta& delta);
  std::optional<FinishReason> reason_to_end(int32_t token) const;
  size_t tokens_left() const;
  void take_time();

  std::shared_ptr<const Prepared> prepared_;  // shared with the request's other answers
  const TextModel& text_;
  int32_t answer_;
  std::vector<int32_t> tokens_;
  sampling::Sampler sampler_;
  std::shared_ptr<Guide> guide_;  // shared with the thread that does its work
  text::Detokenizer detokenizer_;
  text::StopMatcher stops_;
  bool stop_text_found_ = false;
  Clock::time_point submitted_;
  double first_token_ms_ = 0;
  double last_token_ms_ = 0;
  double token_gap_ms_ = 0;
};

// How likely a token was, with the bytes it stands for.
TokenLogprob token_logprob(const TextModel& text, int32_t id, float logprob);

}  // namespace mlxserving::engine
