// call:NAME{key:value,...} between <start_function_call> and <end_function_call> (FunctionGemma), or <|tool_call> and
// <tool_call|> (Gemma 4). Keys are bare, strings stand between two of <escape> or <|"|>, the rest is as in JSON.
#include <utility>

#include "text/dialects/call_parser.h"
#include "text/dialects/dialects.h"

namespace mlxserving::text {
namespace {

using Kind = AnswerPart::Kind;

constexpr size_t kNameBytesMax = 256;
constexpr size_t kDepthMax = 64;

class GemmaReader final : public CallReader {
 public:
  GemmaReader(std::string quote, std::string close)
      : quote_(std::move(quote)), closing_(std::move(close)), string_end_({quote_}) {}

  Verdict take(char c, AnswerParts& parts) override {
    switch (at_) {
      case At::open: return literal(c);
      case At::name:
        if (c != '{') return word(c, At::name);
        if (word_.empty()) return Verdict::broken;
        add_part(parts, Kind::call, std::exchange(word_, {}));
        return begin('{', parts);
      case At::key_or_end:
      case At::key: return key(c, parts);
      case At::value_or_end:
      case At::value: return value(c, parts);
      case At::quote: return quote(c);
      case At::string: return string(c, parts);
      case At::word: return in_word(c, parts);
      case At::after: return after(c, parts);
      case At::closing: return closing_.take(c);
    }
    return Verdict::broken;
  }
  bool is_closing() const override { return at_ == At::closing; }

 private:
  enum class At { open, name, key_or_end, key, value_or_end, value, quote, string, word, after, closing };

  Verdict go(At next) {
    at_ = next;
    return Verdict::more;
  }
  Verdict literal(char c) {
    const Verdict verdict = open_.take(c);
    return verdict == Verdict::done ? go(At::name) : verdict;
  }
  Verdict word(char c, At at) {
    word_ += c;
    at_ = at;
    return word_.size() > kNameBytesMax || c == '<' || c == '\n' ? Verdict::broken : Verdict::more;
  }
  Verdict begin(char c, AnswerParts& parts) {
    if (nesting_.size() == kDepthMax) return Verdict::broken;
    nesting_ += c;
    add_part(parts, Kind::arguments, {&c, 1});
    return go(c == '{' ? At::key_or_end : At::value_or_end);
  }
  Verdict end(char c, AnswerParts& parts) {
    if (c != (nesting_.back() == '{' ? '}' : ']')) return Verdict::broken;
    nesting_.pop_back();
    add_part(parts, Kind::arguments, {&c, 1});
    if (!nesting_.empty()) return go(At::after);
    add_part(parts, Kind::call_end);
    return go(At::closing);
  }
  Verdict key(char c, AnswerParts& parts) {
    if (word_.empty() && is_blank(c)) return Verdict::more;
    if (word_.empty() && at_ == At::key_or_end && c == '}') return end(c, parts);
    if (c != ':') return word(c, At::key);
    if (word_.empty()) return Verdict::broken;
    add_part(parts, Kind::arguments, to_text(Json(std::exchange(word_, {}))) + ":");
    return go(At::value);
  }
  Verdict value(char c, AnswerParts& parts) {
    if (is_blank(c)) return Verdict::more;
    if (at_ == At::value_or_end && c == ']') return end(c, parts);
    if (c == '{' || c == '[') return begin(c, parts);
    if (c == '<') {
      quoted_ = 1;
      return go(At::quote);
    }
    word_.assign(1, c);
    return go(At::word);
  }
  Verdict quote(char c) {
    if (c != quote_[quoted_]) return Verdict::broken;
    if (++quoted_ < quote_.size()) return Verdict::more;
    string_end_.reset();
    text_.clear();
    return go(At::string);
  }
  Verdict string(char c, AnswerParts& parts) {
    text_ += string_end_.take(c);
    if (!string_end_.is_found()) return Verdict::more;
    add_part(parts, Kind::arguments, to_text(Json(text_)));
    return go(At::after);
  }
  // A number or literal; anything else between the commas is a string without its marks.
  Verdict in_word(char c, AnswerParts& parts) {
    if (c != ',' && c != '}' && c != ']') return word(c, At::word);
    while (is_blank(word_.back())) word_.pop_back();
    const bool is_json = parse_json(word_, "a value").ok();
    add_part(parts, Kind::arguments, is_json ? word_ : to_text(Json(word_)));
    word_.clear();
    at_ = At::after;
    return after(c, parts);
  }
  Verdict after(char c, AnswerParts& parts) {
    if (is_blank(c)) return Verdict::more;
    if (c != ',') return end(c, parts);
    add_part(parts, Kind::arguments, ",");
    return go(nesting_.back() == '{' ? At::key : At::value);
  }

  At at_ = At::open;
  std::string quote_;
  LiteralReader open_{"call:"};
  LiteralReader closing_;
  MarkerSearch string_end_;
  std::string nesting_;
  std::string word_;
  std::string text_;
  size_t quoted_ = 0;
};

}  // namespace

std::unique_ptr<AnswerParser> make_gemma(const std::vector<ToolSignature>&) {
  return std::make_unique<CallParser>(
      CallSections{.opens = {"<start_function_call>", "<|tool_call>"},
                   .reader = [](const std::string& open) -> std::unique_ptr<CallReader> {
                     if (open == "<|tool_call>") return std::make_unique<GemmaReader>("<|\"|>", "<tool_call|>");
                     return std::make_unique<GemmaReader>("<escape>", "<end_function_call>");
                   }});
}

}  // namespace mlxserving::text
