// gpt-oss: every answer is messages, <|channel|>NAME[ to=RECIPIENT][ <|constrain|>json]<|message|>TEXT, ended by
// <|end|>,
// <|call|> or <|return|>, with <|start|>assistant before the next. Channel analysis is reasoning, a recipient
// functions.NAME makes a call, the rest is content.
#include <optional>
#include <utility>

#include "text/dialects/call_parser.h"
#include "text/dialects/dialects.h"

namespace mlxserving::text {
namespace {

using Kind = AnswerPart::Kind;

constexpr size_t kHeadBytesMax = 1024;
constexpr std::string_view kFunctions = "functions.";

class HarmonyParser final : public AnswerParser {
 public:
  void feed(std::string_view text, AnswerParts& parts) override {
    for (const char c : text) take(c, parts);
  }

  void finish(AnswerParts& parts) override {
    if (in_head_) {
      head_ += open_.release();
      // A head that was cut off says nothing but where the next message would have gone.
      if (!begun_) add_part(parts, Kind::content, head_);
      return;
    }
    tell(close_.release(), parts);
    end_message(parts);
  }

 private:
  void take(char c, AnswerParts& parts) {
    if (plain_) return add_part(parts, Kind::content, {&c, 1});
    if (!in_head_) {
      tell(close_.take(c), parts);
      if (close_.is_found()) end_message(parts);
      return;
    }
    if (!begun_) seen_ += c;
    head_ += open_.take(c);
    if (open_.is_found()) return begin_message();
    // An answer that begins otherwise has not this form.
    const bool fits = begins(seen_, "<|channel|>") || begins(seen_, "<|start|>");
    if ((begun_ || fits) && head_.size() <= kHeadBytesMax) return;
    plain_ = true;
    add_part(parts, Kind::content, std::exchange(head_, {}) + open_.release());
  }

  // `text` and `mark` agree as far as both go.
  static bool begins(std::string_view text, std::string_view mark) {
    return text.starts_with(mark.substr(0, text.size()));
  }

  void begin_message() {
    begun_ = true;
    in_head_ = false;
    close_.reset();
    const size_t channel = head_.rfind("<|channel|>");
    const std::string after = channel == std::string::npos ? "" : head_.substr(channel + 11);
    kind_ = after.starts_with("analysis") ? Kind::reasoning : Kind::content;
    const size_t to = head_.find("to=");
    raw_.clear();
    call_.reset();
    is_call_ = false;
    if (to != std::string::npos) {
      const std::string recipient = head_.substr(to + 3, head_.find_first_of(" <", to + 3) - to - 3);
      if (recipient.starts_with(kFunctions)) {
        is_call_ = true;
        call_ = read_json_arguments(recipient.substr(kFunctions.size()));
        raw_ = head_ + "<|message|>";
      }
    }
    head_.clear();
  }

  void tell(const std::string& text, AnswerParts& parts) {
    if (!is_call_) return add_part(parts, kind_, text);
    for (const char c : text) {
      raw_ += c;
      if (call_ == nullptr) {
        if (!is_blank(c)) trailing_ = true;
        continue;
      }
      AnswerParts read;
      const auto verdict = call_->take(c, read);
      for (const AnswerPart& part : read) {
        if (part.kind == Kind::call) call_is_open_ = true;
        if (part.kind == Kind::call_end) call_is_open_ = false, raw_.clear();
        add_part(parts, part.kind, part.text);
      }
      if (verdict == CallReader::Verdict::broken) lose(parts);
      if (verdict == CallReader::Verdict::done) call_.reset(), is_done_ = true;
    }
  }

  void lose(AnswerParts& parts) {
    if (std::exchange(call_is_open_, false)) add_part(parts, Kind::call_lost);
    add_part(parts, Kind::content, std::exchange(raw_, {}));
    call_.reset();
    is_call_ = false;
    kind_ = Kind::content;
  }

  void end_message(AnswerParts& parts) {
    if (is_call_ && !is_done_) lose(parts);
    if (is_call_ && is_done_ && trailing_) add_part(parts, Kind::content, raw_);
    is_call_ = false;
    is_done_ = false;
    trailing_ = false;
    in_head_ = true;
    open_.reset();
  }

  bool in_head_ = true;
  bool begun_ = false;  // a message has had its head
  bool plain_ = false;  // the answer has not this form
  std::string head_;
  std::string seen_;  // of the first head, all bytes
  MarkerSearch open_{{"<|message|>"}};
  MarkerSearch close_{{"<|end|>", "<|call|>", "<|return|>", "<|start|>"}};
  Kind kind_ = Kind::content;
  bool is_call_ = false;
  bool is_done_ = false;
  bool trailing_ = false;
  bool call_is_open_ = false;
  std::string raw_;
  std::unique_ptr<CallReader> call_;
};

}  // namespace

std::unique_ptr<AnswerParser> make_harmony(const std::vector<ToolSignature>&) {
  return std::make_unique<HarmonyParser>();
}

}  // namespace mlxserving::text
