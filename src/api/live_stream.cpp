#include "api/live_stream.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "api/rpc_message.h"

namespace mlxserving::api {
namespace {

constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();

double seconds(double milliseconds) { return std::max(milliseconds, 0.0) / 1000; }

Json stats(const std::string& stream_id, const Usage& usage, const Timings& timings) {
  const double after_first = seconds(timings.total_ms - timings.first_token_ms);
  const double speed = after_first > 0 ? usage.completion_tokens / after_first : 0;
  return {{"stream_id", stream_id},
          {"tokens_generated", usage.completion_tokens},
          {"tokens_per_second", speed},
          {"time_to_first_token", seconds(timings.first_token_ms)},
          {"total_time", seconds(timings.total_ms)}};
}

Json top_logprobs(const TextDelta& delta) {
  Json list = Json::array();
  for (const TokenLogprob& top : delta.top_logprobs) {
    list.push_back({{"token", top.bytes}, {"token_id", top.token_id}, {"logprob", top.logprob}});
  }
  return list;
}

}  // namespace

LiveStream::LiveStream(NewStream started, Emit emit, OnEnd on_end)
    : started_(std::move(started)),
      emit_(std::move(emit)),
      on_end_(std::move(on_end)),
      granted_(started_.style.credit.value_or(kNoLimit)),
      thread_([this] { run(); }) {}

LiveStream::~LiveStream() { thread_.join(); }

void LiveStream::cancel() {
  started_.stream->cancel();
  granted_ = kNoLimit;
  granted_.notify_all();
}

void LiveStream::acknowledge(uint64_t chunks) {
  uint64_t granted = granted_;
  // Without a limit nothing is added: neither is one wanted nor may it wrap around.
  while (granted != kNoLimit && !granted_.compare_exchange_weak(granted, granted + std::min(chunks, kNoLimit / 2))) {
  }
  granted_.notify_all();
}

void LiveStream::wait_for_credit() {
  for (uint64_t granted = granted_; sent_ >= granted; granted = granted_) granted_.wait(granted);
}

void LiveStream::run() {
  Ending ending = {.lines = {}, .model_id = started_.model_id, .finish_reason = "error"};
  while (auto event = started_.stream->next()) {
    if (const auto* delta = std::get_if<TextDelta>(&*event)) take(*delta);
    if (const auto* finished = std::get_if<Finished>(&*event)) ending = end(*finished);
    if (const auto* failed = std::get_if<Failed>(&*event)) ending = end(*failed);
  }
  if (ending.lines.empty())
    ending = end(Failed{.error = {ErrorCode::internal, "the stream ended without a result", ""}});
  on_end_(std::move(ending));
}

void LiveStream::take(const TextDelta& delta) {
  if (started_.style.streaming) {
    send_chunk(delta.text, delta, false);
  } else {
    text_ += delta.text;
  }
  last_token_ = delta.token_id;
}

void LiveStream::send_chunk(const std::string& text, const TextDelta& delta, bool is_final) {
  wait_for_credit();
  Json params = {{"stream_id", started_.stream_id}, {"token", text}, {"token_id", delta.token_id}};
  params["is_final"] = is_final;
  if (delta.logprob && started_.style.streaming) params["logprob"] = delta.logprob->logprob;
  if (started_.style.top_logprobs && started_.style.streaming) params["top_logprobs"] = top_logprobs(delta);
  emit_(notification_line("stream.chunk", std::move(params)));
  ++sent_;
}

Ending LiveStream::end(const Finished& finished) {
  // What was held back belongs to no token of its own.
  const std::string rest = text_ + finished.text;
  if (!rest.empty()) {
    TextDelta chunk;
    chunk.token_id = last_token_;
    send_chunk(rest, chunk, true);
  }
  Ending ending = {.lines = {},
                   .model_id = started_.model_id,
                   .finish_reason = to_string(finished.reason),
                   .usage = finished.usage,
                   .timings = finished.timings};
  const Json numbers = stats(started_.stream_id, finished.usage, finished.timings);
  Json event = {{"stream_id", started_.stream_id},
                {"event", "completed"},
                {"is_final", true},
                {"finish_reason", ending.finish_reason}};
  if (started_.style.stats_in_event) {
    event["stats"] = numbers;
  } else {
    ending.lines.push_back(notification_line("stream.stats", numbers));
  }
  ending.lines.push_back(notification_line("stream.event", std::move(event)));
  return ending;
}

Ending LiveStream::end(const Failed& failed) const {
  Json event = {{"stream_id", started_.stream_id},
                {"event", "error"},
                {"error", failed.error.message},
                {"is_final", true},
                {"code", to_string(failed.error.code)}};
  return {.lines = {notification_line("stream.event", std::move(event))},
          .model_id = started_.model_id,
          .finish_reason = "error",
          .error = failed.error.code,
          .is_failed = true};
}

}  // namespace mlxserving::api
