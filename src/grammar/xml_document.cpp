#include "grammar/xml_document.h"

#include <algorithm>
#include <optional>

#include "core/result.h"
#include "core/utf8.h"

namespace mlxserving::grammar {
namespace {

constexpr size_t kReferenceBytesMax = 12;  // "&#x0010FFFF;"

bool is_name_start(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' || c >= 0x80;
}
bool is_name_char(unsigned char c) { return is_name_start(c) || (c >= '0' && c <= '9') || c == '-' || c == '.'; }

class XmlParser {
 public:
  XmlParser(std::string_view text, const XmlLimits& limits) : text_(text), limits_(limits) {}

  Result<XmlDocument> parse() {
    XmlDocument document;
    document.has_declaration = is_at("<?xml");
    MLXS_CHECKED(skip_misc());
    if (!is_at("<")) return refuse("expected an element");
    MLXS_TRY(document.root, element(0));
    MLXS_CHECKED(skip_misc());
    if (at_ < text_.size()) return refuse("nothing may follow the root element");
    return document;
  }

 private:
  size_t line() const {
    return 1 + static_cast<size_t>(std::count(
                   text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(std::min(at_, text_.size())), '\n'));
  }
  Error refuse(const std::string& what) const {
    return fail(ErrorCode::invalid_request, "xml", "{} in line {} of the XML", what, line());
  }
  bool is_at(std::string_view s) const { return text_.substr(at_, s.size()) == s; }
  bool take(std::string_view s) {
    if (!is_at(s)) return false;
    at_ += s.size();
    return true;
  }
  bool skip_space() {
    const size_t begin = at_;
    while (at_ < text_.size() && is_xml_space(text_[at_])) ++at_;
    return at_ > begin;
  }
  Result<std::string_view> until(std::string_view end) {
    const size_t found = text_.find(end, at_);
    if (found == std::string_view::npos) return refuse("missing " + std::string(end));
    const std::string_view inside = text_.substr(at_, found - at_);
    at_ = found + end.size();
    return inside;
  }

  // White space, comments and instructions.
  Result<void> skip_misc() {
    while (true) {
      skip_space();
      if (take("<!--")) {
        MLXS_CHECKED(until("-->"));
      } else if (take("<?")) {
        MLXS_CHECKED(until("?>"));
      } else if (is_at("<!DOCTYPE")) {
        return refuse("document type declarations are not supported");
      } else {
        return {};
      }
    }
  }

  std::string name() {
    const size_t begin = at_;
    if (at_ < text_.size() && is_name_start(static_cast<unsigned char>(text_[at_]))) {
      while (at_ < text_.size() && is_name_char(static_cast<unsigned char>(text_[at_]))) ++at_;
    }
    return std::string(text_.substr(begin, at_ - begin));
  }

  Result<std::string> resolved(std::string_view raw) const {
    std::string out;
    while (!raw.empty()) {
      if (raw.front() == '<') return refuse("< must be written &lt;");
      if (raw.front() != '&') {
        out += raw.front();
        raw.remove_prefix(1);
        continue;
      }
      const size_t end = raw.find(';');
      if (end > kReferenceBytesMax) return refuse("& must be written &amp;");
      const auto point = reference(raw.substr(1, end - 1));
      if (!point) return refuse("unknown reference " + std::string(raw.substr(0, end + 1)));
      utf8::append(out, *point);
      raw.remove_prefix(end + 1);
    }
    return out;
  }

  static std::optional<char32_t> reference(std::string_view name) {
    if (name == "lt") return U'<';
    if (name == "gt") return U'>';
    if (name == "amp") return U'&';
    if (name == "quot") return U'"';
    if (name == "apos") return U'\'';
    if (name.empty() || name.front() != '#') return std::nullopt;
    name.remove_prefix(1);
    const bool is_hex = !name.empty() && name.front() == 'x';
    if (is_hex) name.remove_prefix(1);
    if (name.empty() || name.size() > 7) return std::nullopt;
    uint32_t value = 0;
    for (const char c : name) {
      const int digit = c >= '0' && c <= '9'             ? c - '0'
                        : is_hex && c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : is_hex && c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                         : -1;
      if (digit < 0) return std::nullopt;
      value = value * (is_hex ? 16 : 10) + static_cast<uint32_t>(digit);
    }
    if (value == 0 || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return std::nullopt;
    return static_cast<char32_t>(value);
  }

  Result<XmlNode> element(int depth) {
    if (depth > limits_.depth_max) return refuse("elements nest too deep");
    if (++nodes_ > limits_.nodes_max)
      return fail(ErrorCode::resource_exhausted, "xml", "the XML has more than {} elements", limits_.nodes_max);
    XmlNode node;
    node.line = line();
    take("<");
    node.name = name();
    if (node.name.empty()) return refuse("expected the name of an element");
    MLXS_CHECKED(attributes(node));
    if (take("/>")) return node;
    if (!take(">")) return refuse("expected > at the end of the tag " + node.name);
    MLXS_CHECKED(content(node, depth));
    const std::string closed = name();
    if (closed != node.name) return refuse("expected </" + node.name + ">, got </" + closed);
    skip_space();
    if (!take(">")) return refuse("expected >");
    return node;
  }

  Result<void> attributes(XmlNode& node) {
    while (skip_space() && !is_at(">") && !is_at("/")) {
      const std::string key = name();
      if (key.empty()) return refuse("expected the name of an attribute");
      if (node.attribute(key) != nullptr) return refuse("attribute " + key + " twice");
      if (node.attributes.size() >= limits_.attributes_max) return refuse("too many attributes");
      skip_space();
      if (!take("=")) return refuse("expected = after " + key);
      skip_space();
      const bool is_double = is_at("\"");
      if (!take("\"") && !take("'")) return refuse("expected a quote after " + key + "=");
      MLXS_TRY(const std::string_view raw, until(is_double ? "\"" : "'"));
      MLXS_TRY(std::string value, resolved(raw));
      node.attributes.emplace_back(key, std::move(value));
    }
    return {};
  }

  // Up to and with the </ that ends it.
  Result<void> content(XmlNode& node, int depth) {
    std::string text;
    while (!take("</")) {
      if (at_ >= text_.size()) return refuse("missing </" + node.name + ">");
      if (take("<!--")) {
        MLXS_CHECKED(until("-->"));
      } else if (take("<![CDATA[")) {
        MLXS_TRY(const std::string_view data, until("]]>"));
        text += data;
        node.has_cdata = true;
      } else if (take("<?")) {
        MLXS_CHECKED(until("?>"));
      } else if (is_at("<")) {
        MLXS_TRY(auto child, element(depth + 1));
        node.children.push_back(std::move(child));
      } else {
        const size_t end = std::min(text_.find('<', at_), text_.size());
        MLXS_TRY(const std::string data, resolved(text_.substr(at_, end - at_)));
        text += data;
        at_ = end;
      }
    }
    const auto is_space = [](char c) { return is_xml_space(c); };
    const auto first = std::ranges::find_if_not(text, is_space);
    const auto last = std::find_if_not(text.rbegin(), text.rend(), is_space).base();
    if (first < last) node.text = std::string(first, last);
    return {};
  }

  std::string_view text_;
  const XmlLimits& limits_;
  size_t at_ = 0;
  size_t nodes_ = 0;
};

}  // namespace

bool is_xml_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

const std::string* XmlNode::attribute(std::string_view wanted) const {
  const auto found =
      std::ranges::find(attributes, wanted, [](const auto& pair) { return std::string_view(pair.first); });
  return found == attributes.end() ? nullptr : &found->second;
}

Result<XmlDocument> parse_xml(std::string_view text, const XmlLimits& limits) {
  if (text.size() > limits.bytes_max) {
    return fail(ErrorCode::resource_exhausted, "xml", "XML has at most {} bytes, this one {}", limits.bytes_max,
                text.size());
  }
  if (!utf8::is_valid(text)) return fail(ErrorCode::invalid_request, "xml", "the XML must be valid UTF-8");
  return XmlParser(text, limits).parse();
}

}  // namespace mlxserving::grammar
