#include "text/dialects/reasoning.h"

#include <utility>

#include "text/dialects/marker.h"

namespace mlxserving::text {
namespace {

class ReasoningSplitter final : public AnswerParser {
 public:
  ReasoningSplitter(std::unique_ptr<AnswerParser> rest, bool inside)
      : rest_(std::move(rest)), at_(inside ? At::inside : At::before) {}

  void feed(std::string_view text, AnswerParts& parts) override {
    for (size_t i = 0; i < text.size(); ++i) {
      if (at_ == At::after) return pass(text.substr(i), parts);
      take(text[i], parts);
    }
  }

  void finish(AnswerParts& parts) override {
    if (at_ == At::before) pass(held_, parts);
    if (at_ == At::inside) add_part(parts, AnswerPart::Kind::reasoning, close_.release());
    if (rest_) rest_->finish(parts);
  }

 private:
  enum class At {
    before,      // nothing but white space and a beginning of the tag
    inside,      // the reasoning
    blank_tail,  // white space after the closing tag
    after,
  };

  void take(char c, AnswerParts& parts) {
    const bool blank = c == '\n' || c == '\r' || c == ' ' || c == '\t';
    switch (at_) {
      case At::before: return take_before(c, blank, parts);
      case At::inside:
        if (fresh_ && blank) return;
        fresh_ = false;
        add_part(parts, AnswerPart::Kind::reasoning, close_.take(c));
        if (close_.is_found()) at_ = At::blank_tail;
        return;
      case At::blank_tail:
        if (blank) return;
        at_ = At::after;
        return pass({&c, 1}, parts);
      case At::after: return pass({&c, 1}, parts);
    }
  }

  void take_before(char c, bool blank, AnswerParts& parts) {
    held_ += c;
    if (blank && matched_ == 0) return;
    const std::string_view open = kThinkOpen;
    if (c == open[matched_]) {
      if (++matched_ < open.size()) return;
      held_.clear();
      at_ = At::inside;
      return;
    }
    at_ = At::after;
    pass(std::exchange(held_, {}), parts);
  }

  void pass(std::string_view text, AnswerParts& parts) {
    if (rest_) return rest_->feed(text, parts);
    add_part(parts, AnswerPart::Kind::content, text);
  }

  std::unique_ptr<AnswerParser> rest_;
  At at_;
  bool fresh_ = true;  // nothing but white space of the reasoning yet
  std::string held_;
  size_t matched_ = 0;
  MarkerSearch close_{{kThinkClose}};
};

}  // namespace

std::unique_ptr<AnswerParser> make_reasoning(std::unique_ptr<AnswerParser> rest, bool begins_inside) {
  return std::make_unique<ReasoningSplitter>(std::move(rest), begins_inside);
}

}  // namespace mlxserving::text
