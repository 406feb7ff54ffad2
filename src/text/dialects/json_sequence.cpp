#include "text/dialects/json_sequence.h"

#include <utility>

#include "text/dialects/call_parser.h"

namespace mlxserving::text {
namespace {

class JsonSequence final : public CallReader {
 public:
  explicit JsonSequence(JsonSequenceOptions options) : options_(std::move(options)) {}

  Verdict take(char c, AnswerParts& parts) override {
    switch (at_) {
      case At::begin: return begin(c, parts);
      case At::fence: return in_fence(c);
      case At::call: return in_call(c, parts);
      case At::after: return after(c, parts);
      case At::fence_end: return fence_end_.take(c);
    }
    return Verdict::broken;
  }
  // Of a list or a fence the end has to come.
  bool is_closing() const override { return at_ == At::fence_end || (at_ == At::after && !in_list_); }

 private:
  enum class At { begin, fence, call, after, fence_end };

  Verdict begin(char c, AnswerParts& parts) {
    if (is_blank(c)) return Verdict::more;
    if (c == '`' && options_.fence && !in_list_ && !fenced_) {
      at_ = At::fence;
      return in_fence(c);
    }
    if (c == '[' && options_.list && !in_list_) {
      in_list_ = true;
      return Verdict::more;
    }
    call_ = read_json_call(options_.names);
    at_ = At::call;
    return in_call(c, parts);
  }

  // "```json", "```tool_call" or the like, up to the line's end.
  Verdict in_fence(char c) {
    fence_ += c;
    const bool ticks = fence_.size() <= 3;
    if (ticks && c != '`') return Verdict::broken;
    if (fence_.size() > 32) return Verdict::broken;
    if (!ticks && c == '\n') {
      fenced_ = true;
      at_ = At::begin;
    }
    return Verdict::more;
  }

  Verdict in_call(char c, AnswerParts& parts) {
    const Verdict verdict = call_->take(c, parts);
    if (verdict != Verdict::done) return verdict;
    at_ = At::after;
    separated_ = false;
    return Verdict::more;
  }

  Verdict after(char c, AnswerParts& parts) {
    if (is_blank(c)) return Verdict::more;
    if (in_list_) {
      if (c == ',' && !separated_) {
        separated_ = true;
        return Verdict::more;
      }
      if (c == ']' && !separated_) {
        in_list_ = false;
        is_list_over_ = true;
        return fenced_ ? Verdict::more : Verdict::done;
      }
      if (separated_ && c == '{') return next(c, parts);
      return Verdict::broken;
    }
    if (fenced_ && c == '`') {
      at_ = At::fence_end;
      return fence_end_.take(c);
    }
    if (is_list_over_) return Verdict::broken;
    if (c == '{') return next(c, parts);
    if (options_.separator == '\0' || c != options_.separator || separated_) return Verdict::broken;
    separated_ = true;
    return Verdict::more;
  }

  Verdict next(char c, AnswerParts& parts) {
    call_ = read_json_call(options_.names);
    at_ = At::call;
    return in_call(c, parts);
  }

  JsonSequenceOptions options_;
  At at_ = At::begin;
  bool in_list_ = false;
  bool is_list_over_ = false;
  bool fenced_ = false;
  bool separated_ = false;
  std::string fence_;
  LiteralReader fence_end_{"```"};
  std::unique_ptr<CallReader> call_;
};

}  // namespace

std::unique_ptr<CallReader> read_json_sequence(JsonSequenceOptions options) {
  return std::make_unique<JsonSequence>(std::move(options));
}

}  // namespace mlxserving::text
