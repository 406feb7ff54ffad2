// <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>NAME<｜tool▁sep｜>{...}<｜tool▁call▁end｜>…<｜tool▁calls▁end｜> (V3.1),
// and before it <｜tool▁call▁begin｜>function<｜tool▁sep｜>NAME\n```json\n{...}\n```<｜tool▁call▁end｜> (V3, R1).
#include <utility>

#include "text/dialects/call_parser.h"
#include "text/dialects/dialects.h"

namespace mlxserving::text {
namespace {

constexpr size_t kHeadBytesMax = 512;

std::string trim(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

class DeepSeekReader final : public CallReader {
 public:
  Verdict take(char c, AnswerParts& parts) override {
    switch (at_) {
      case At::between:
        if (!trim(between_.take(c)).empty()) return Verdict::broken;
        if (!between_.is_found()) return Verdict::more;
        if (between_.mark() == kEnd) return Verdict::done;
        separator_.reset();
        name_.clear();
        return go(At::name);
      case At::name:
        name_ += separator_.take(c);
        if (name_.size() > kHeadBytesMax) return Verdict::broken;
        if (!separator_.is_found()) return Verdict::more;
        name_ = trim(name_);
        if (name_ != "function") return arguments();
        name_.clear();
        return go(At::second_name);
      case At::second_name:
        if (c != '\n') {
          name_ += c;
          return name_.size() > kHeadBytesMax ? Verdict::broken : Verdict::more;
        }
        name_ = trim(name_);
        fence_.clear();
        return go(At::fence);
      case At::fence:
        fence_ += c;
        if (c == '\n') return arguments();
        return std::string_view("```json\n").starts_with(fence_) ? Verdict::more : Verdict::broken;
      case At::arguments: {
        const Verdict verdict = call_->take(c, parts);
        if (verdict != Verdict::done) return verdict;
        closing_.reset();
        return go(At::closing);
      }
      case At::closing:
        if (!trim(closing_.take(c)).empty()) return Verdict::broken;
        if (!closing_.is_found()) return Verdict::more;
        if (closing_.mark() == "```") {
          closing_.reset();
          return Verdict::more;
        }
        between_.reset();
        return go(At::between);
    }
    return Verdict::broken;
  }
  bool is_closing() const override { return call_ != nullptr && (at_ == At::closing || at_ == At::between); }

 private:
  enum class At { between, name, second_name, fence, arguments, closing };
  static constexpr const char* kEnd = "<｜tool▁calls▁end｜>";

  Verdict go(At next) {
    at_ = next;
    return Verdict::more;
  }
  Verdict arguments() {
    if (name_.empty()) return Verdict::broken;
    call_ = read_json_arguments(name_);
    return go(At::arguments);
  }

  At at_ = At::between;
  MarkerSearch between_{{"<｜tool▁call▁begin｜>", kEnd}};
  MarkerSearch separator_{{"<｜tool▁sep｜>"}};
  MarkerSearch closing_{{"<｜tool▁call▁end｜>", "```"}};
  std::string name_;
  std::string fence_;
  std::unique_ptr<CallReader> call_;
};

}  // namespace

std::unique_ptr<AnswerParser> make_deepseek(const std::vector<ToolSignature>&) {
  return std::make_unique<CallParser>(
      CallSections{.opens = {"<｜tool▁calls▁begin｜>"},
                   .reader = [](const std::string&) { return std::make_unique<DeepSeekReader>(); }});
}

}  // namespace mlxserving::text
