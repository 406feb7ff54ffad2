#include "api/generation.h"

#include <algorithm>
#include <utility>

#include "core/result.h"

namespace mlxserving::api {
namespace {

using text::AnswerPart;
using text::AnswerParts;

class GenerationResponse final : public net::PendingResponse {
 public:
  explicit GenerationResponse(GenerationPlan plan) : plan_(std::move(plan)) {
    generation_.id = plan_.id;
    generation_.model = plan_.model;
    generation_.created = unix_seconds();
    generation_.effective = std::move(plan_.effective);
    generation_.prompts.resize(plan_.streams.size());
    const size_t count = plan_.streams.size() * static_cast<size_t>(plan_.answers);
    generation_.choices.resize(count);
    parsers_.resize(count);
    closed_.resize(count);
    for (size_t i = 0; i < count; ++i) {
      generation_.choices[i].index = static_cast<int32_t>(i);
      if (plan_.parser) parsers_[i] = plan_.parser();
    }
    open_ = count;
  }
  ~GenerationResponse() override {
    for (const auto& stream : plan_.streams) stream->on_ready({});
  }

  void on_ready(std::function<void()> wake) override {
    for (const auto& stream : plan_.streams) stream->on_ready(wake);
  }

  std::optional<net::HttpResponse> begin(bool hurry) override {
    if (!plan_.streamed) return whole();
    take_events(1);  // a failure before anything was sent still gets its own status
    if (failed_ && output_.empty()) {
      plan_.streamed = false;
      return plan_.format->error(*failed_);
    }
    if (output_.empty() && !hurry) return std::nullopt;
    return net::HttpResponse{.content_type = "text/event-stream",
                             .headers = {{"cache-control", "no-cache"}, {"x-accel-buffering", "no"}},
                             .notes = plan_.notes};
  }

  bool is_streamed() const override { return plan_.streamed; }

  bool read(std::string& body, size_t bytes_max) override {
    body += std::exchange(output_, {});
    if (!ended_) {
      while (body.size() < bytes_max && take_events(1)) body += std::exchange(output_, {});
    }
    if (ended_ || (open_ > 0 && !failed_)) return !ended_;
    failed_ ? plan_.format->failure(*failed_, body) : plan_.format->end(generation_, body);
    ended_ = true;
    plan_.ticket.reset();
    return false;
  }

 private:
  std::optional<net::HttpResponse> whole() {
    while (take_events(64)) continue;
    if (failed_) return plan_.format->error(*failed_);
    if (open_ > 0) return std::nullopt;
    plan_.ticket.reset();
    return net::HttpResponse{.body = to_text(plan_.format->whole(generation_)), .notes = plan_.notes};
  }

  // At most `count` events of each stream; false when there was none.
  bool take_events(size_t count) {
    bool any = false;
    for (size_t s = 0; s < plan_.streams.size() && !failed_; ++s) {
      for (size_t i = 0; i < count && !failed_; ++i) {
        auto event = plan_.streams[s]->try_next();
        if (!event) break;
        any = true;
        std::visit([&](auto& e) { take(s, e); }, *event);
      }
    }
    return any;
  }

  size_t choice_of(size_t stream, int32_t answer) const {
    return stream * static_cast<size_t>(plan_.answers) + static_cast<size_t>(answer);
  }

  void take(size_t stream, TextDelta& delta) {
    const size_t i = choice_of(stream, delta.answer);
    if (closed_[i]) return;
    Choice& choice = generation_.choices[i];
    AnswerParts parts;
    if (parsers_[i]) {
      parsers_[i]->feed(delta.text, parts);
    } else {
      text::add_part(parts, AnswerPart::Kind::content, delta.text);
    }
    gather(stream, i, parts);
    if (!parts.empty() && parts.front().kind == AnswerPart::Kind::reasoning) ++choice.reasoning_tokens;
    begin_events();
    if (plan_.streamed && (!parts.empty() || plan_.keep_tokens)) {
      plan_.format->parts(generation_, choice, parts, &delta, output_);
    }
    if (plan_.keep_tokens) choice.tokens.push_back(std::move(delta));
  }

  void take(size_t stream, Finished& finished) {
    const size_t i = choice_of(stream, finished.answer);
    Choice& choice = generation_.choices[i];
    if (finished.reason == FinishReason::cancelled && !closed_[i]) {
      failed_ = Error{ErrorCode::cancelled, "the request was cancelled: its model was unloaded or the server ends", ""};
      return;
    }
    AnswerParts parts;
    if (!closed_[i]) {
      if (parsers_[i]) {
        parsers_[i]->feed(finished.text, parts);
        parsers_[i]->finish(parts);
      } else {
        text::add_part(parts, AnswerPart::Kind::content, finished.text);
      }
      gather(stream, i, parts);
    }
    begin_events();
    if (plan_.streamed && !parts.empty()) plan_.format->parts(generation_, choice, parts, nullptr, output_);
    choice.finished = std::move(finished);
    --open_;
    if (plan_.streamed) plan_.format->choice_end(generation_, choice, output_);
  }

  // Once, with the first of an answer: what stands before it (the prompt's scores) has come by then.
  void begin_events() {
    if (!plan_.streamed || std::exchange(begun_, true)) return;
    plan_.format->begin(generation_, output_);
  }

  void take(size_t, Failed& failed) { failed_ = rename_param(std::move(failed.error), plan_.names); }
  void take(size_t, PromptProgress& progress) {
    if (plan_.streamed) plan_.format->progress(progress, output_);
  }
  void take(size_t stream, PromptScores& scores) { generation_.prompts[stream] = std::move(scores); }

  void gather(size_t stream, size_t i, AnswerParts& parts) {
    Choice& choice = generation_.choices[i];
    for (size_t p = 0; p < parts.size(); ++p) {
      AnswerPart& part = parts[p];
      switch (part.kind) {
        case AnswerPart::Kind::content: choice.content += part.text; break;
        case AnswerPart::Kind::reasoning: choice.reasoning += part.text; break;
        case AnswerPart::Kind::call:
          choice.calls.push_back({.id = make_id("call_"), .name = part.text, .arguments = {}});
          break;
        case AnswerPart::Kind::arguments: choice.calls.back().arguments += part.text; break;
        case AnswerPart::Kind::call_lost: choice.calls.pop_back(); break;
        case AnswerPart::Kind::call_end:
          if (!plan_.one_call) break;
          closed_[i] = true;
          if (plan_.answers == 1) plan_.streams[stream]->cancel();
          parts.resize(p + 1);
          return;
      }
    }
  }

  GenerationPlan plan_;
  AnswerSet generation_;
  std::vector<std::unique_ptr<text::AnswerParser>> parsers_;
  std::vector<bool> closed_;  // the answer has ended for the client; the rest of its text is not told
  size_t open_ = 0;
  std::optional<Error> failed_;
  std::string output_;
  bool begun_ = false;
  bool ended_ = false;
};

}  // namespace

Usage AnswerSet::usage() const {
  Usage total;
  const size_t answers = choices.size() / std::max<size_t>(1, prompts.size());
  for (size_t i = 0; i < choices.size(); ++i) {
    if (!choices[i].finished) continue;
    const Usage& usage = choices[i].finished->usage;
    total.completion_tokens += usage.completion_tokens;
    if (i % answers != 0) continue;
    total.prompt_tokens += usage.prompt_tokens;
    total.cached_tokens += usage.cached_tokens;
    total.cache_differs_at = usage.cache_differs_at;
  }
  return total;
}

const char* finish_reason(const Choice& choice) {
  if (!choice.calls.empty()) return "tool_calls";
  return choice.finished && choice.finished->reason == FinishReason::length ? "length" : "stop";
}

Json usage_json(const Usage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}}};
}

Json timings_json(const Finished& finished) {
  const Timings& timings = finished.timings;
  return {{"queued_ms", timings.queued_ms},
          {"first_token_ms", timings.first_token_ms},
          {"total_ms", timings.total_ms},
          {"prefill_tokens_per_second", timings.prefill_tokens_per_second(finished.usage)},
          {"decode_tokens_per_second", timings.decode_tokens_per_second(finished.usage)}};
}

std::unique_ptr<net::PendingResponse> respond(GenerationPlan plan) {
  return std::make_unique<GenerationResponse>(std::move(plan));
}

void append_event(std::string& out, const char* name, const Json& data) {
  if (name != nullptr) {
    out += "event: ";
    out += name;
    out += '\n';
  }
  out += "data: ";
  out += to_text(data);
  out += "\n\n";
}

}  // namespace mlxserving::api
