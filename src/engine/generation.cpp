#include "engine/generation.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/check.h"
#include "core/result.h"

namespace mlxserving::engine {
namespace {

constexpr size_t kForcedTokensMax = 48;  // told at once

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

TokenLogprob token_logprob(const TextModel& text, int32_t id, float logprob) {
  const std::string_view bytes = text.tokenizer->token_bytes(static_cast<text::TokenId>(id));
  return {.token_id = id, .bytes = std::string(bytes), .logprob = logprob};
}

Result<std::unique_ptr<Generation>> Generation::create(std::shared_ptr<const Prepared> prepared, const TextModel& text,
                                                       int32_t answer, Clock::time_point submitted) {
  MLXS_TRY(text::StopMatcher stops,
           text::StopMatcher::create(prepared->sampling.stop, {.include_stop = prepared->sampling.include_stop}));
  return std::unique_ptr<Generation>(new Generation(std::move(prepared), text, answer, submitted, std::move(stops)));
}

Generation::Generation(std::shared_ptr<const Prepared> prepared, const TextModel& text, int32_t answer,
                       Clock::time_point submitted, text::StopMatcher stops)
    : prepared_(std::move(prepared)),
      text_(text),
      answer_(answer),
      sampler_(prepared_->sampling, prepared_->roles, static_cast<uint32_t>(answer)),
      detokenizer_(text.tokenizer, {.skip_special_tokens = !prepared_->special_tokens}),
      stops_(std::move(stops)),
      submitted_(submitted) {
  sampler_.append_prompt(prepared_->ids);
  if (prepared_->grammar) guide_ = std::make_shared<Guide>(prepared_->grammar, *text_.tokenizer);
}

void Generation::begin_as(const Generation& first) {
  if (first.guide_) guide_ = std::make_shared<Guide>(*first.guide_);
}

size_t Generation::forced_max(size_t events) const {
  if (prepared_->sampling.logprobs || prepared_->gaps) return 0;
  const auto answers = static_cast<size_t>(prepared_->answers);
  const size_t kept = 4 * answers + 2;  // as can_take_tokens() has it, and for what the others say meanwhile
  return events > kept ? std::min({kForcedTokensMax, (events - kept) / answers, tokens_left()}) : 0;
}

Result<std::span<const uint32_t>> Generation::allowed() const {
  if (!guide_) return std::span<const uint32_t>{};
  return guide_->allowed();
}

Result<sampling::Sampled> Generation::choose(std::span<const float> logits, std::span<const uint32_t> allowed,
                                             sampling::Workspace& workspace) const {
  return sampler_.sample(logits, workspace, allowed);
}

std::optional<FinishReason> Generation::take_token(const sampling::Sampled& sampled, std::span<const float> logits,
                                                   StreamState& stream) {
  take_time();
  sampler_.append(sampled.id);
  tokens_.push_back(sampled.id);
  TextDelta delta = make_delta(sampled, logits);
  if (!contains(prepared_->stop_ids, sampled.id)) append_text(sampled.id, delta);
  Event event = std::move(delta);
  const bool sent = stream.events.try_push(event);
  check(sent || stream.cancelled, "a stream that got a row has room for its token");
  return reason_to_end(sampled.id);
}

Generation::Taken Generation::take_forced(StreamState& stream) {
  Taken taken;
  for (const int32_t token : guide_->take_forced()) {
    taken.reason = take_token({.id = token}, {}, stream);
    ++taken.tokens;
    if (taken.reason) return taken;
  }
  if (guide_->is_over()) {
    taken.reason = FinishReason::stop;
  } else if (tokens_left() == 0) {
    taken.reason = FinishReason::length;
  }
  return taken;
}

void Generation::take_time() {
  const double now_ms = std::chrono::duration<double, std::milli>(Clock::now() - submitted_).count();
  if (tokens_.empty()) {
    first_token_ms_ = now_ms;
  } else {
    token_gap_ms_ = now_ms - last_token_ms_;
  }
  last_token_ms_ = now_ms;
}

TextDelta Generation::make_delta(const sampling::Sampled& sampled, std::span<const float> logits) const {
  TextDelta delta{.answer = answer_, .text = {}, .token_id = sampled.id, .logprob = {}, .top_logprobs = {}, .gap = {}};
  if (prepared_->gaps) delta.gap = top_two_gap(logits);
  // A token that ends the answer is no part of it, so nothing is reported of it.
  if (!prepared_->sampling.logprobs || contains(prepared_->stop_ids, sampled.id)) return delta;
  delta.logprob = token_logprob(text_, sampled.id, sampled.logprob);
  for (const auto& top : sampled.top) delta.top_logprobs.push_back(token_logprob(text_, top.id, top.logprob));
  return delta;
}

void Generation::append_text(int32_t token, TextDelta& delta) {
  const text::StopMatcher::Step step = stops_.feed(detokenizer_.push(static_cast<text::TokenId>(token)));
  delta.text = step.text;
  stop_text_found_ = step.stopped;
}

size_t Generation::tokens_left() const {
  return static_cast<size_t>(prepared_->tokens_max) - prepared_->ids.size() - tokens_.size();
}

std::optional<FinishReason> Generation::reason_to_end(int32_t token) const {
  if (stop_text_found_ || contains(prepared_->stop_ids, token)) return FinishReason::stop;
  if (tokens_left() == 0 && !guide_) return FinishReason::length;  // the guide may say that the text is whole
  return std::nullopt;
}

Finished Generation::finish(FinishReason reason) {
  Finished finished{.answer = answer_, .reason = reason, .text = {}, .usage = {}, .timings = {}};
  if (!stop_text_found_) {
    const text::StopMatcher::Step last = stops_.feed(detokenizer_.flush());
    finished.text = last.text;
    finished.text += stops_.flush();
  }
  finished.usage.completion_tokens = static_cast<int32_t>(tokens_.size());
  finished.timings.first_token_ms = first_token_ms_;
  return finished;
}

}  // namespace mlxserving::engine
