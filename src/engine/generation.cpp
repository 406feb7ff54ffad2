#include "engine/generation.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/check.h"
#include "core/result.h"

namespace mlxserving::engine {
namespace {

// The largest logit minus the second: how sure a greedy choice was.
float top_two_gap(std::span<const float> logits) {
  float first = -std::numeric_limits<float>::infinity();
  float second = first;
  for (const float logit : logits) {
    second = std::max(second, std::min(first, logit));
    first = std::max(first, logit);
  }
  return first - second;
}

bool contains(const std::vector<int32_t>& sorted, int32_t id) {
  return std::binary_search(sorted.begin(), sorted.end(), id);
}

}  // namespace

Result<std::unique_ptr<Generation>> Generation::create(Prepared prepared, const TextModel& text,
                                                       std::shared_ptr<StreamState> stream) {
  MLXS_TRY(text::StopMatcher stops,
           text::StopMatcher::create(prepared.sampling.stop, {.include_stop = prepared.sampling.include_stop}));
  return std::unique_ptr<Generation>(new Generation(std::move(prepared), text, std::move(stream), std::move(stops)));
}

Generation::Generation(Prepared prepared, const TextModel& text, std::shared_ptr<StreamState> stream,
                       text::StopMatcher stops)
    : prepared_(std::move(prepared)),
      text_(text),
      stream_(std::move(stream)),
      tokens_(prepared_.ids),
      prompt_token_count_(static_cast<int32_t>(prepared_.ids.size())),
      sampler_(prepared_.sampling, prepared_.roles),
      detokenizer_(text.tokenizer, {.skip_special_tokens = !prepared_.special_tokens}),
      stops_(std::move(stops)) {
  sampler_.append_prompt(prepared_.ids);
}

void Generation::start() { timings_.queued_ms = elapsed_ms(); }

Result<std::optional<FinishReason>> Generation::take_token(std::span<const float> logits,
                                                           sampling::Workspace& workspace) {
  MLXS_TRY(const sampling::Sampled sampled, sampler_.sample(logits, workspace));
  take_time();
  sampler_.append(sampled.id);
  tokens_.push_back(sampled.id);
  TextDelta delta = make_delta(sampled, logits);
  if (!contains(prepared_.stop_ids, sampled.id)) append_text(sampled.id, delta);
  Event event = std::move(delta);
  const bool sent = stream_->events.try_push(event);
  check(sent || stream_->cancelled, "a stream that got a row has room for its token");
  return reason_to_end(sampled.id);
}

void Generation::take_time() {
  const double now_ms = elapsed_ms();
  if (last_token_ms_ == 0) {
    timings_.first_token_ms = now_ms;
  } else {
    token_gap_ms_ = now_ms - last_token_ms_;
  }
  last_token_ms_ = now_ms;
}

TextDelta Generation::make_delta(const sampling::Sampled& sampled, std::span<const float> logits) const {
  TextDelta delta{.text = {}, .token_id = sampled.id, .logprob = {}, .top_logprobs = {}, .gap = {}};
  if (prepared_.gaps) delta.gap = top_two_gap(logits);
  if (!prepared_.sampling.logprobs) return delta;
  const auto entry = [&](int32_t id, float logprob) {
    const std::string_view bytes = text_.tokenizer->token_bytes(static_cast<text::TokenId>(id));
    return TokenLogprob{.token_id = id, .bytes = std::string(bytes), .logprob = logprob};
  };
  delta.logprob = entry(sampled.id, sampled.logprob);
  for (const auto& top : sampled.top) delta.top_logprobs.push_back(entry(top.id, top.logprob));
  return delta;
}

void Generation::append_text(int32_t token, TextDelta& delta) {
  const text::StopMatcher::Step step = stops_.feed(detokenizer_.push(static_cast<text::TokenId>(token)));
  delta.text = step.text;
  stop_text_found_ = step.stopped;
}

std::optional<FinishReason> Generation::reason_to_end(int32_t token) const {
  if (stop_text_found_ || contains(prepared_.stop_ids, token)) return FinishReason::stop;
  if (static_cast<int32_t>(tokens_.size()) >= prepared_.tokens_max) return FinishReason::length;
  return std::nullopt;
}

void Generation::finish(FinishReason reason) {
  Finished finished{.reason = reason, .text = {}, .usage = {}, .timings = timings_};
  if (!stop_text_found_) {
    const text::StopMatcher::Step last = stops_.feed(detokenizer_.flush());
    finished.text = last.text;
    finished.text += stops_.flush();
  }
  finished.usage = {.prompt_tokens = prompt_token_count_,
                    .cached_tokens = 0,
                    .completion_tokens = static_cast<int32_t>(tokens_.size()) - prompt_token_count_};
  finished.timings.total_ms = elapsed_ms();
  Event event = std::move(finished);
  stream_->events.try_push(event);
  stream_->events.close();
}

void Generation::fail(const Error& error) {
  Event event = Failed{.answer = 0, .error = error};
  stream_->events.try_push(event);
  stream_->events.close();
}

double Generation::elapsed_ms() const {
  return std::chrono::duration<double, std::milli>(Clock::now() - submitted_).count();
}

}  // namespace mlxserving::engine
