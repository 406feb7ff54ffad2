#include "config/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <vector>

#include "core/result.h"
#include "core/utf8.h"

namespace mlxserving::config {
namespace {

constexpr const char* kTextTag = "tag:yaml.org,2002:str";

// What the file itself says wrongly, on its way out of the recursion.
struct Fault {
  int line;
  std::string text;
};

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  for (const std::string_view word : words) {
    if (text == word) return true;
  }
  return false;
}

std::optional<Json> whole_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const bool is_hex = text.starts_with("0x");
  const bool is_octal = text.starts_with("0o");
  const std::string_view digits = is_hex || is_octal ? text.substr(2) : text;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value,
                                            is_hex     ? 16
                                            : is_octal ? 8
                                                       : 10);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

std::optional<Json> real_number(const std::string& text) {
  if (text.find_first_not_of("+-.0123456789eE") != std::string::npos) return std::nullopt;
  if (text.find_first_of("0123456789") == std::string::npos) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (*end != '\0') return std::nullopt;
  return value;
}

Json scalar(const YAML::Node& node) {
  const std::string& text = node.Scalar();
  const int line = node.Mark().line + 1;
  if (!utf8::is_valid(text)) throw Fault{line, "not valid UTF-8"};
  if (node.Tag() == "!" || node.Tag() == kTextTag) return text;
  if (node.Tag() != "?" && !node.Tag().empty()) throw Fault{line, "tags are not supported, found " + node.Tag()};
  if (is_one_of(text, {"", "~", "null", "Null", "NULL"})) return nullptr;
  if (is_one_of(text, {"true", "True", "TRUE"})) return true;
  if (is_one_of(text, {"false", "False", "FALSE"})) return false;
  if (auto number = whole_number(text)) return *number;
  if (auto number = real_number(text)) {
    if (!std::isfinite(number->get<double>())) throw Fault{line, "the number " + text + " is out of range"};
    return *number;
  }
  return text;
}

class Converter {
 public:
  explicit Converter(Yaml& out) : out_(out) {}

  Json convert(const YAML::Node& node, const std::string& path, int depth) {
    const int line = node.Mark().line + 1;
    if (depth > kYamlDepthMax) throw Fault{line, fmt::format("values are nested more than {} deep", kYamlDepthMax)};
    if (++values_ > kYamlValuesMax) throw Fault{line, fmt::format("the file has more than {} values", kYamlValuesMax)};
    if (line > 0) out_.lines.emplace(path, line);
    switch (node.Type()) {
      case YAML::NodeType::Scalar: return scalar(node);
      case YAML::NodeType::Sequence: return list(node, path, depth);
      case YAML::NodeType::Map: return mapping(node, path, depth);
      case YAML::NodeType::Null:
      case YAML::NodeType::Undefined: break;
    }
    return nullptr;
  }

 private:
  static std::string below(const std::string& path, const std::string& name) {
    return path.empty() ? name : path + "." + name;
  }

  Json list(const YAML::Node& node, const std::string& path, int depth) {
    Json items = Json::array();
    for (const YAML::Node& item : node) {
      items.push_back(convert(item, below(path, std::to_string(items.size())), depth + 1));
    }
    return items;
  }

  Json mapping(const YAML::Node& node, const std::string& path, int depth) {
    Json members = Json::object();
    for (const auto& pair : node) {
      const int line = pair.first.Mark().line + 1;
      if (!pair.first.IsScalar()) throw Fault{line, "a key must be a text"};
      const std::string& name = pair.first.Scalar();
      if (!utf8::is_valid(name)) throw Fault{line, "not valid UTF-8"};
      if (members.contains(name)) throw Fault{line, fmt::format("the key '{}' occurs twice", name)};
      // The key's line, not that of a block that begins below it.
      out_.lines.emplace(below(path, name), line);
      members[name] = convert(pair.second, below(path, name), depth + 1);
    }
    return members;
  }

  Yaml& out_;
  size_t values_ = 0;
};

// Where documents begin. yaml-cpp makes endlessly many of some files ("," and a key), so they are counted before they
// are loaded.
class Documents final : public YAML::EventHandler {
 public:
  // The line of the second document, if there is one.
  static std::optional<int> second_of(const std::string& text) {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    Documents documents;
    while (documents.lines_.size() < 2 && parser.HandleNextDocument(documents)) continue;
    return documents.lines_.size() < 2 ? std::nullopt : std::optional(documents.lines_[1]);
  }

  void OnDocumentStart(const YAML::Mark& mark) override { lines_.push_back(mark.line + 1); }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

 private:
  std::vector<int> lines_;
};

}  // namespace

Result<Yaml> parse_yaml(std::string_view text, const std::string& name) {
  const auto wrong = [&](int line, const std::string& why) {
    return fail(ErrorCode::invalid_request, name, "{}:{}: {}", name, line, why);
  };
  if (text.size() > kYamlBytesMax) {
    return fail(ErrorCode::invalid_request, name, "{} must have at most {} bytes, got {}", name, kYamlBytesMax,
                text.size());
  }
  try {  // the library's way to report a fault
    const std::string whole(text);
    if (const auto line = Documents::second_of(whole)) return wrong(*line, "a file must hold one document");
    Yaml out;
    out.value = Converter(out).convert(YAML::Load(whole), "", 0);
    return out;
  } catch (const YAML::Exception& e) {
    return wrong(e.mark.line + 1, e.msg);
  } catch (const Fault& fault) {
    return wrong(fault.line, fault.text);
  }
}

}  // namespace mlxserving::config
