// <tool_call>NAME<arg_key>KEY</arg_key><arg_value>VALUE</arg_value>…</tool_call>, white space between.
#include <utility>

#include "text/dialects/call_parser.h"
#include "text/dialects/dialects.h"
#include "text/dialects/typed_arguments.h"

namespace mlxserving::text {
namespace {

constexpr size_t kNameBytesMax = 256;

class GlmReader final : public CallReader {
 public:
  explicit GlmReader(const std::vector<ToolSignature>& tools) : arguments_(tools) {}

  Verdict take(char c, AnswerParts& parts) override {
    text_ += search_.take(c);
    if (in_head_ && text_.size() > kNameBytesMax) return Verdict::broken;
    if (!search_.is_found()) return Verdict::more;
    const std::string mark = search_.mark();
    const std::string text = std::exchange(text_, {});
    search_.reset();
    if (std::exchange(in_head_, false)) {
      const std::string name = trim(text);
      if (name.empty() || name.find('\n') != std::string::npos) return Verdict::broken;
      arguments_.begin(name, parts);
      return open(mark, parts);
    }
    if (mark == "</arg_key>" && in_key_) {
      in_key_ = false;
      key_ = trim(text);
      awaits_value_ = true;
      return Verdict::more;
    }
    if (mark == "</arg_value>" && in_value_) {
      in_value_ = false;
      arguments_.add(key_, text, parts);
      return Verdict::more;
    }
    if (in_value_) {  // another mark is part of the value
      text_ = text + mark;
      return Verdict::more;
    }
    if (in_key_ || !trim(text).empty()) return Verdict::broken;
    return open(mark, parts);
  }

 private:
  Verdict open(const std::string& mark, AnswerParts& parts) {
    if (mark == "<arg_key>" && !awaits_value_) {
      in_key_ = true;
      return Verdict::more;
    }
    if (mark == "<arg_value>" && awaits_value_) {
      awaits_value_ = false;
      in_value_ = true;
      return Verdict::more;
    }
    if (mark != "</tool_call>" || awaits_value_) return Verdict::broken;
    arguments_.end(parts);
    return Verdict::done;
  }

  static std::string trim(const std::string& text) {
    const size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string::npos) return "";
    return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
  }

  MarkerSearch search_{{"<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>", "</tool_call>"}};
  std::string text_;
  std::string key_;
  bool in_head_ = true;
  bool in_key_ = false;
  bool awaits_value_ = false;
  bool in_value_ = false;
  TypedArguments arguments_;
};

}  // namespace

std::unique_ptr<AnswerParser> make_glm(const std::vector<ToolSignature>& tools) {
  return std::make_unique<CallParser>(CallSections{
      .opens = {"<tool_call>"}, .reader = [tools](const std::string&) { return std::make_unique<GlmReader>(tools); }});
}

}  // namespace mlxserving::text
