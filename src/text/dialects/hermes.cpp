// <tool_call>{"name": ..., "arguments": {...}}</tool_call>, as Nous's Hermes and Qwen write it, and the form of
// Qwen3-Coder: <tool_call><function=NAME><parameter=KEY>VALUE</parameter></function></tool_call>
#include <optional>
#include <utility>

#include "text/dialects/call_parser.h"
#include "text/dialects/dialects.h"
#include "text/dialects/typed_arguments.h"

namespace mlxserving::text {
namespace {

constexpr size_t kNameBytesMax = 256;

// From "<function=" to "</function>".
class FunctionReader final : public CallReader {
 public:
  explicit FunctionReader(const std::vector<ToolSignature>& tools) : arguments_(tools) {}

  Verdict take(char c, AnswerParts& parts) override {
    switch (at_) {
      case At::open: return literal(c, At::name);
      case At::name:
        if (c != '>') return name(c, name_);
        arguments_.begin(name_, parts);
        return between();
      case At::between: {
        if (marks_.take(c).find_first_not_of(" \t\r\n") != std::string::npos) return Verdict::broken;
        if (!marks_.is_found()) return Verdict::more;
        if (marks_.mark() == "</function>") {
          arguments_.end(parts);
          return Verdict::done;
        }
        key_.clear();
        at_ = At::key;
        return Verdict::more;
      }
      case At::key:
        if (c != '>') return name(c, key_);
        value_.clear();
        close_.reset();
        at_ = At::value;
        return Verdict::more;
      case At::value:
        value_ += close_.take(c);
        if (!close_.is_found()) return Verdict::more;
        arguments_.add(key_, trimmed(value_), parts);
        return between();
    }
    return Verdict::broken;
  }

 private:
  enum class At { open, name, between, key, value };

  Verdict literal(char c, At next) {
    const Verdict verdict = open_.take(c);
    if (verdict != Verdict::done) return verdict;
    at_ = next;
    return Verdict::more;
  }
  static Verdict name(char c, std::string& name) {
    name += c;
    return name.size() > kNameBytesMax || c == '<' || c == '\n' ? Verdict::broken : Verdict::more;
  }
  Verdict between() {
    marks_.reset();
    at_ = At::between;
    return Verdict::more;
  }
  // The form puts a value on lines of its own.
  static std::string trimmed(std::string text) {
    if (text.starts_with('\n')) text.erase(0, 1);
    if (text.ends_with('\n')) text.pop_back();
    return text;
  }

  At at_ = At::open;
  LiteralReader open_{"<function="};
  MarkerSearch marks_{{"<parameter=", "</function>"}};
  MarkerSearch close_{{"</parameter>"}};
  std::string name_;
  std::string key_;
  std::string value_;
  TypedArguments arguments_;
};

class HermesReader final : public CallReader {
 public:
  explicit HermesReader(const std::vector<ToolSignature>& tools) : tools_(tools) {}

  Verdict take(char c, AnswerParts& parts) override {
    if (is_complete_) return closing_.take(c);
    if (call_ == nullptr) {
      if (is_blank(c)) return Verdict::more;
      if (c == '<') {
        call_ = std::make_unique<FunctionReader>(tools_);
      } else {
        call_ = read_json_call();
      }
    }
    const Verdict verdict = call_->take(c, parts);
    is_complete_ = verdict == Verdict::done;
    return is_complete_ ? Verdict::more : verdict;
  }
  bool is_closing() const override { return is_complete_; }

 private:
  const std::vector<ToolSignature>& tools_;
  std::unique_ptr<CallReader> call_;
  bool is_complete_ = false;
  LiteralReader closing_{"</tool_call>"};
};

}  // namespace

std::unique_ptr<AnswerParser> make_hermes(const std::vector<ToolSignature>& tools) {
  const auto kept = std::make_shared<const std::vector<ToolSignature>>(tools);  // shared by the readers to come
  return std::make_unique<CallParser>(CallSections{.opens = {"<tool_call>"}, .reader = [kept](const std::string&) {
                                                     return std::make_unique<HermesReader>(*kept);
                                                   }});
}

}  // namespace mlxserving::text
