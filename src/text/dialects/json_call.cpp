#include <algorithm>
#include <utility>

#include "core/json.h"
#include "text/dialects/call_reader.h"

namespace mlxserving::text {
namespace {

using Kind = AnswerPart::Kind;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::string unquoted(const std::string& json) {
  const auto value = parse_json(json, "a string");
  return value && value->is_string() ? value->get<std::string>() : std::string();
}

class JsonArguments final : public CallReader {
 public:
  explicit JsonArguments(std::string name) : name_(std::move(name)) {}

  Verdict take(char c, AnswerParts& parts) override {
    if (!begun_ && is_space(c)) return Verdict::more;
    if (!begun_ && c != '{') return Verdict::broken;
    const auto verdict = scanner_.take(c);
    if (verdict == JsonScanner::Verdict::broken) return Verdict::broken;
    if (!begun_) add_part(parts, Kind::call, name_);
    begun_ = true;
    add_part(parts, Kind::arguments, {&c, 1});
    if (verdict == JsonScanner::Verdict::more) return Verdict::more;
    add_part(parts, Kind::call_end);
    return Verdict::done;
  }

 private:
  std::string name_;
  bool begun_ = false;
  JsonScanner scanner_;
};

// Keys and values of the outer object are told apart here; each value is scanned on its own.
class JsonCall final : public CallReader {
 public:
  explicit JsonCall(std::vector<std::string> names) : names_(std::move(names)) {}

  Verdict take(char c, AnswerParts& parts) override {
    switch (at_) {
      case At::open:
        if (is_space(c)) return Verdict::more;
        return go(c == '{', At::key_begin);
      case At::key_begin:
        if (is_space(c)) return Verdict::more;
        if (c != '"') return Verdict::broken;
        key_ = JsonText();
        at_ = At::key;
        return key_.take(c) == JsonScanner::Verdict::broken ? Verdict::broken : Verdict::more;
      case At::key: return take_key(c);
      case At::colon:
        if (is_space(c)) return Verdict::more;
        return go(c == ':', At::value_begin);
      case At::value_begin:
        if (is_space(c)) return Verdict::more;
        return begin_value(c, parts);
      case At::value: return take_value(c, parts);
      case At::comma_or_end:
        if (is_space(c)) return Verdict::more;
        if (c == ',') return go(true, At::key_begin);
        if (c != '}' || name_.empty() || !has_arguments_) return Verdict::broken;
        add_part(parts, Kind::call_end);
        return Verdict::done;
    }
    return Verdict::broken;
  }

 private:
  enum class At { open, key_begin, key, colon, value_begin, value, comma_or_end };

  struct JsonText {
    std::string text;
    JsonScanner scanner;
    JsonScanner::Verdict take(char c) {
      text += c;
      return scanner.take(c);
    }
  };

  Verdict go(bool fits, At next) {
    at_ = next;
    return fits ? Verdict::more : Verdict::broken;
  }

  Verdict take_key(char c) {
    const auto verdict = key_.take(c);
    if (verdict == JsonScanner::Verdict::broken) return Verdict::broken;
    if (verdict == JsonScanner::Verdict::more) return Verdict::more;
    const std::string key = unquoted(key_.text);
    is_name_ = key == "name";
    is_arguments_ = key == "arguments" || key == "parameters";
    const bool known = is_name_ || is_arguments_ || key == "id" || key == "type";
    const bool twice = (is_name_ && !name_.empty()) || (is_arguments_ && has_arguments_);
    return go(known && !twice, At::colon);
  }

  Verdict begin_value(char c, AnswerParts& parts) {
    if (is_arguments_ ? c != '{' : c != '"') return Verdict::broken;
    value_ = JsonText();
    at_ = At::value;
    if (is_arguments_) has_arguments_ = true;
    if (is_arguments_ && !name_.empty()) add_part(parts, Kind::call, name_);
    return take_value(c, parts);
  }

  Verdict take_value(char c, AnswerParts& parts) {
    const auto verdict = value_.scanner.take(c);
    if (verdict == JsonScanner::Verdict::broken) return Verdict::broken;
    // Arguments flow on as soon as the name is known; until then they are kept.
    if (is_arguments_ && !name_.empty()) {
      add_part(parts, Kind::arguments, {&c, 1});
    } else {
      (is_arguments_ ? early_arguments_ : value_.text) += c;
    }
    if (verdict == JsonScanner::Verdict::more) return Verdict::more;
    at_ = At::comma_or_end;
    return is_name_ ? take_name(parts) : Verdict::more;
  }

  Verdict take_name(AnswerParts& parts) {
    name_ = unquoted(value_.text);
    if (name_.empty() || (!names_.empty() && std::ranges::find(names_, name_) == names_.end())) return Verdict::broken;
    if (has_arguments_) {
      add_part(parts, Kind::call, name_);
      add_part(parts, Kind::arguments, early_arguments_);
    }
    return Verdict::more;
  }

  std::vector<std::string> names_;
  At at_ = At::open;
  JsonText key_;
  JsonText value_;
  bool is_name_ = false;
  bool is_arguments_ = false;
  bool has_arguments_ = false;
  std::string name_;
  std::string early_arguments_;
};

}  // namespace

std::unique_ptr<CallReader> read_json_call(std::vector<std::string> names) {
  return std::make_unique<JsonCall>(std::move(names));
}

std::unique_ptr<CallReader> read_json_arguments(std::string name) {
  return std::make_unique<JsonArguments>(std::move(name));
}

}  // namespace mlxserving::text
