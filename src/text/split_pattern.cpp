#include "text/split_pattern.h"

namespace mlxserving::text {
namespace {

void find_literal(std::string_view text, std::string_view wanted, std::vector<Match>& out) {
  size_t gap = 0;
  while (true) {
    const size_t at = text.find(wanted, gap);
    const size_t begin = at == std::string_view::npos ? text.size() : at;
    if (begin != gap) out.push_back({static_cast<uint32_t>(gap), static_cast<uint32_t>(begin), false});
    if (begin == text.size()) return;
    gap = begin + wanted.size();
    out.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(gap), true});
  }
}

}  // namespace

SplitPattern SplitPattern::literal(std::string text) {
  SplitPattern pattern;
  pattern.literal_ = std::move(text);
  return pattern;
}

Result<SplitPattern> SplitPattern::parse(const Fields& fields, const char* key) {
  if (!fields.has(key) || !fields.json[key].is_object())
    return fields.wrong(key, R"({"String": ...} or {"Regex": ...})");
  const Fields inner{fields.json[key], fields.path + "." + key};
  if (inner.has("String")) {
    MLXS_TRY(std::string text, inner.string("String"));
    if (!text.empty()) return literal(std::move(text));
  }
  MLXS_TRY(const std::string text, inner.has("String") ? inner.string("String") : inner.string("Regex"));
  SplitPattern pattern;
  pattern.scanner_ = recognise(text);
  if (pattern.scanner_ == nullptr) {
    MLXS_TRY(pattern.regex_, Regex::compile(text, inner.path));
  }
  return pattern;
}

Result<void> SplitPattern::find(std::string_view text, std::vector<Match>& out) const {
  if (text.empty()) return {};
  if (scanner_ != nullptr) {
    scanner_->find(text, out);
    return {};
  }
  if (regex_ != nullptr) return regex_->find(text, out);
  find_literal(text, literal_, out);
  return {};
}

Result<void> SplitPattern::replace(AlignedText& text, std::string_view content) const {
  if (!literal_.empty()) {
    text.replace(literal_, content);
    return {};
  }
  std::vector<Match> matches;
  MLXS_CHECKED(find(text.text(), matches));
  text.replace(matches, content);
  return {};
}

}  // namespace mlxserving::text
