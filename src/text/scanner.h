// Hand-written scanners for the pre-tokenizer patterns of the common model families: what the regular expression would
// match, a hundred times as fast.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "text/aligned_text.h"

namespace mlxserving::text {

class Scanner {
 public:
  virtual ~Scanner() = default;
  // Appends the matches in valid UTF-8 `text` and what lies between them. Linear in the text.
  virtual void find(std::string_view text, std::vector<Match>& out) const = 0;
};

// The scanner that matches exactly what `pattern` does, or null: then the pattern needs a Regex.
std::unique_ptr<const Scanner> recognise(std::string_view pattern);

// The pattern of GPT-2, which ByteLevel's use_regex stands for.
std::string_view gpt2_pattern();

// Every pattern that recognise() knows; for tests.
std::vector<std::string> recognised_patterns();

}  // namespace mlxserving::text
