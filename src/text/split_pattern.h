// What a Split or Replace looks for: a literal string, or a regular expression by the fastest means that matches it.
#pragma once

#include <memory>
#include <string>

#include "text/json_fields.h"
#include "text/regex.h"
#include "text/scanner.h"

namespace mlxserving::text {

// Immutable; any thread may search.
class SplitPattern {
 public:
  // From {"String": ...} or {"Regex": ...} under `key`.
  static Result<SplitPattern> parse(const Fields& fields, const char* key);
  static SplitPattern literal(std::string text);

  // Appends the matches in `text` and what lies between them, covering all of it.
  Result<void> find(std::string_view text, std::vector<Match>& out) const;

  // Puts `content` in the place of what matches.
  Result<void> replace(AlignedText& text, std::string_view content) const;

  // Nothing in `text` matches; may say no without looking closely.
  bool surely_misses(std::string_view text) const {
    return !literal_.empty() && text.find(literal_) == std::string_view::npos;
  }

 private:
  std::string literal_;  // not empty, or one of the others is set
  std::shared_ptr<const Scanner> scanner_;
  std::shared_ptr<const Regex> regex_;
};

}  // namespace mlxserving::text
