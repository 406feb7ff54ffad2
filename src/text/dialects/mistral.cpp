// [TOOL_CALLS] [{"name": ..., "arguments": {...}}, ...], and from 2025 on [TOOL_CALLS]NAME[ARGS]{...} or
// [TOOL_CALLS]NAME{...}, once a call.
#include <utility>

#include "text/dialects/call_parser.h"
#include "text/dialects/dialects.h"
#include "text/dialects/json_sequence.h"

namespace mlxserving::text {
namespace {

constexpr size_t kNameBytesMax = 256;

class MistralReader final : public CallReader {
 public:
  Verdict take(char c, AnswerParts& parts) override {
    if (call_ != nullptr) return call_->take(c, parts);
    if (name_.empty() && is_blank(c)) return Verdict::more;
    if (name_.empty() && (c == '[' || c == '{')) {
      call_ = read_json_sequence({});
      return call_->take(c, parts);
    }
    if (c != '{') {
      name_ += c;
      return name_.size() > kNameBytesMax || c == '\n' ? Verdict::broken : Verdict::more;
    }
    const std::string name = name_.substr(0, name_.find('['));  // before [ARGS] or [CALL_ID]…[ARGS]
    if (name.empty()) return Verdict::broken;
    call_ = read_json_arguments(name);
    return call_->take(c, parts);
  }
  bool is_closing() const override { return call_ != nullptr && call_->is_closing(); }

 private:
  std::string name_;
  std::unique_ptr<CallReader> call_;
};

}  // namespace

std::unique_ptr<AnswerParser> make_mistral(const std::vector<ToolSignature>&) {
  return std::make_unique<CallParser>(CallSections{
      .opens = {"[TOOL_CALLS]"}, .reader = [](const std::string&) { return std::make_unique<MistralReader>(); }});
}

}  // namespace mlxserving::text
