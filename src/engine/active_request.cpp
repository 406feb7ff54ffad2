#include "engine/active_request.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/check.h"
#include "core/result.h"

namespace mlxserving::engine {
namespace {

double ms_between(ActiveRequest::Clock::time_point begin, ActiveRequest::Clock::time_point end) {
  return std::chrono::duration<double, std::milli>(end - begin).count();
}

// A time-out of 0 never comes; one beyond what the clock can say neither.
ActiveRequest::Clock::time_point after(ActiveRequest::Clock::time_point begin, int64_t ms) {
  using Clock = ActiveRequest::Clock;
  const auto most = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::time_point::max() - begin).count();
  return ms <= 0 || ms >= most ? Clock::time_point::max() : begin + std::chrono::milliseconds(ms);
}

}  // namespace

Result<std::unique_ptr<ActiveRequest>> ActiveRequest::create(Prepared prepared, const TextModel& text,
                                                             std::shared_ptr<StreamState> stream) {
  const auto submitted = Clock::now();
  const auto shared = std::make_shared<const Prepared>(std::move(prepared));
  MLXS_TRY(auto first, Generation::create(shared, text, 0, submitted));
  return std::unique_ptr<ActiveRequest>(
      new ActiveRequest(shared, text, std::move(stream), std::move(first), submitted));
}

ActiveRequest::ActiveRequest(std::shared_ptr<const Prepared> prepared, const TextModel& text,
                             std::shared_ptr<StreamState> stream, std::unique_ptr<Generation> first,
                             Clock::time_point submitted)
    : prepared_(std::move(prepared)), text_(text), stream_(std::move(stream)), submitted_(submitted) {
  answers_.push_back(std::move(first));
  for (int32_t answer = 0; answer < prepared_->answers; ++answer) running_.push_back(answer);
  usage_.prompt_tokens = prompt_tokens();
}

bool ActiveRequest::is_done_at_once() const {
  return prepared_->tokens_max == prompt_tokens() && output() == RowOutput::next;
}

RowOutput ActiveRequest::output() const {
  if (prepared_->embedding) return RowOutput::hidden;
  return prepared_->prompt_logprobs ? RowOutput::logits : RowOutput::next;
}

scheduler::SequenceSpec ActiveRequest::spec(scheduler::SequenceId id) const {
  return {.id = id,
          .prompt = {prepared_, &prepared_->ids},
          .tokens_max = prepared_->tokens_max,
          .answers = prepared_->answers,
          .priority = prepared_->priority,
          .computes_all = output() != RowOutput::next};
}

std::span<const int32_t> ActiveRequest::tokens(int32_t answer, const scheduler::Chunk& chunk) const {
  const std::span<const int32_t> all =
      chunk.decodes ? answers_.at(static_cast<size_t>(answer))->tokens() : std::span<const int32_t>(prepared_->ids);
  const int32_t begin = chunk.position_begin - (chunk.decodes ? prompt_tokens() : 0);
  return all.subspan(static_cast<size_t>(begin), static_cast<size_t>(chunk.token_count));
}

void ActiveRequest::start(const scheduler::Admission& admission) {
  scores_ = {};
  pool_ = {};
  if (started_) return;
  started_ = last_token_ = Clock::now();
  timings_.queued_ms = ms_between(submitted_, *started_);
  usage_.cached_tokens = admission.cached_tokens;
  usage_.cache_differs_at = admission.cache_differs_at;
}

bool ActiveRequest::take_prompt(const scheduler::Chunk& chunk, const OutputRows& rows) {
  const int32_t done = chunk.position_begin + chunk.token_count;
  const bool is_whole = done == prompt_tokens();
  tell_progress(done);
  if (prepared_->prompt_logprobs) {
    scores_.add(prepared_->ids, rows, prepared_->sampling.top_logprobs, text_);
    if (is_whole) {
      Event event = scores_.take();
      stream_->events.try_push(event);
    }
  }
  if (prepared_->embedding) {
    pool_.add(rows);
    if (is_whole) stream_->embedding = pool_.take(*prepared_->embedding);
  }
  return is_whole && prepared_->tokens_max == prompt_tokens();
}

// A progress that the reader has no room for is not worth a pause.
void ActiveRequest::tell_progress(int32_t tokens_done) {
  if (!prepared_->prompt_progress || tokens_done <= progress_told_) return;
  if (stream_->events.room() < 2 * running_.size() + 3) return;
  progress_told_ = tokens_done;
  Event event = PromptProgress{.tokens_done = tokens_done, .tokens_total = prompt_tokens()};
  stream_->events.try_push(event);
}

void ActiveRequest::fork() {
  for (auto answer = static_cast<int32_t>(answers_.size()); answer < prepared_->answers; ++answer) {
    auto generation = Generation::create(prepared_, text_, answer, submitted_);
    check(generation.ok(), "what was valid for the first answer is so for the others");
    (*generation)->begin_as(*answers_.front());
    answers_.push_back(std::move(*generation));
  }
}

std::optional<FinishReason> ActiveRequest::take_token(int32_t answer, const sampling::Sampled& sampled,
                                                      std::span<const float> logits) {
  last_token_ = Clock::now();
  return generation(answer).take_token(sampled, logits, *stream_);
}

Generation::Taken ActiveRequest::take_forced(int32_t answer) { return generation(answer).take_forced(*stream_); }

void ActiveRequest::finish(int32_t answer, FinishReason reason) {
  const auto index = static_cast<size_t>(answer);
  Finished finished{.answer = answer, .reason = reason, .text = {}, .usage = {}, .timings = {}};
  if (index < answers_.size()) finished = answers_[index]->finish(reason);
  const int32_t completion_tokens = finished.usage.completion_tokens;
  finished.usage = usage_;
  finished.usage.completion_tokens = completion_tokens;
  finished.timings.queued_ms = timings_.queued_ms;
  finished.timings.total_ms = elapsed_ms();
  was_cancelled_ = was_cancelled_ || reason == FinishReason::cancelled;
  std::erase(running_, answer);
  stream_->end(answer, std::move(finished));
}

void ActiveRequest::fail(int32_t answer, const Error& error) {
  has_failed_ = true;
  std::erase(running_, answer);
  stream_->end(answer, Failed{.answer = answer, .error = error});
}

ActiveRequest::Clock::time_point ActiveRequest::deadline() const {
  return std::min(after(submitted_, prepared_->timeouts.request_ms), token_deadline());
}

ActiveRequest::Clock::time_point ActiveRequest::token_deadline() const {
  if (!started_ || is_paused_) return Clock::time_point::max();
  return mlxserving::engine::after(last_token_, prepared_->timeouts.token_ms);
}

Error ActiveRequest::overdue() const {
  const Timeouts& timeouts = prepared_->timeouts;
  if (Clock::now() >= token_deadline()) {
    return mlxserving::fail(ErrorCode::timeout, "timeouts.token_ms",
                            "no token came for {} ms, the most this request allows", timeouts.token_ms);
  }
  return mlxserving::fail(ErrorCode::timeout, "timeouts.request_ms",
                          "the request took longer than the {} ms it allows{}", timeouts.request_ms,
                          started_ ? "" : ", all of them in the queue");
}

void ActiveRequest::set_paused(bool paused) {
  if (is_paused_ && !paused) last_token_ = Clock::now();
  is_paused_ = paused;
}

double ActiveRequest::elapsed_ms() const { return ms_between(submitted_, Clock::now()); }

}  // namespace mlxserving::engine
