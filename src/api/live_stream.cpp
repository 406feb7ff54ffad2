#include "api/live_stream.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "api/rpc_message.h"

namespace mlxserving::api {
namespace {

constexpr std::chrono::seconds kIdle{1};
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

LiveStream::LiveStream(NewStream started, std::function<void()> ring)
    : started_(std::move(started)), ring_(std::move(ring)), granted_(started_.style.credit.value_or(kNoLimit)) {}

LiveStream::~LiveStream() { started_.stream->on_ready({}); }

void LiveStream::listen() { started_.stream->on_ready(ring_); }

void LiveStream::cancel() {
  started_.stream->cancel();
  granted_ = kNoLimit;
  ring_();
}

void LiveStream::acknowledge(uint64_t chunks) {
  uint64_t granted = granted_;
  // Without a limit nothing is added: neither is one wanted nor may it wrap around.
  while (granted != kNoLimit) {
    const uint64_t more = std::min(chunks, kNoLimit - 1 - granted);
    if (granted_.compare_exchange_weak(granted, granted + more)) break;
  }
  ring_();
}

std::optional<Ending> LiveStream::tell(const Emit& emit) {
  while (true) {
    if (held_) {
      if (sent_ >= granted_) return std::nullopt;
      send_chunk(held_->text, *held_, false, emit);
      held_.reset();
    }
    auto event = started_.stream->try_next();
    if (!event) return std::nullopt;
    if (const auto* finished = std::get_if<Finished>(&*event)) return end(*finished, emit);
    if (const auto* failed = std::get_if<Failed>(&*event)) return end(*failed);
    auto* delta = std::get_if<TextDelta>(&*event);
    if (delta == nullptr) continue;
    last_token_ = delta->token_id;
    if (started_.style.streaming) {
      held_ = std::move(*delta);
    } else {
      text_ += delta->text;
    }
  }
}

void LiveStream::send_chunk(const std::string& text, const TextDelta& delta, bool is_final, const Emit& emit) {
  Json params = {{"stream_id", started_.stream_id}, {"token", text}, {"token_id", delta.token_id}};
  params["is_final"] = is_final;
  if (delta.logprob && started_.style.streaming) params["logprob"] = delta.logprob->logprob;
  if (started_.style.top_logprobs && started_.style.streaming) params["top_logprobs"] = top_logprobs(delta);
  emit(notification_line("stream.chunk", std::move(params)));
  ++sent_;
}

Ending LiveStream::end(const Finished& finished, const Emit& emit) {
  // What was held back belongs to no token of its own.
  const std::string rest = text_ + finished.text;
  if (!rest.empty()) {
    TextDelta chunk;
    chunk.token_id = last_token_;
    send_chunk(rest, chunk, true, emit);
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

// ------------------------------------------------------------------------------------------------------------- reading

StreamReader::StreamReader(LiveStream::Emit emit, OnEnd on_end, size_t streams_max)
    : emit_(std::move(emit)), on_end_(std::move(on_end)), added_(streams_max), thread_([this] { run(); }) {}

StreamReader::~StreamReader() {
  added_.close();
  bell_.ring();
  thread_.join();
}

void StreamReader::add(std::shared_ptr<LiveStream> stream) {
  added_.push(std::move(stream));
  bell_.ring();
}

void StreamReader::run() {
  std::vector<std::shared_ptr<LiveStream>> live;
  while (!added_.is_closed()) {
    while (auto stream = added_.try_pop()) {
      (*stream)->listen();
      live.push_back(std::move(*stream));
    }
    std::erase_if(live, [this](const std::shared_ptr<LiveStream>& stream) {
      std::optional<Ending> ending = stream->tell(emit_);
      if (ending) on_end_(stream->id(), std::move(*ending));
      return ending.has_value();
    });
    bell_.wait_until(Doorbell::Clock::now() + kIdle);
  }
}

}  // namespace mlxserving::api
