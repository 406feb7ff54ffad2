// Regular expressions of tokenizer files: Oniguruma's, which is what they were written for, with our Unicode tables.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mlxserving/error.h"
#include "text/aligned_text.h"

namespace mlxserving::text {

constexpr size_t kRegexBytesMax = 64 * 1024;

// \s \d \w \b, their POSIX brackets and [:punct:], and \p{...} of general categories and Han become explicit ranges, so
// that the answer does not depend on the version of the installed library. Other properties and brackets, and case
// folding are left to it.
// Thread-safe when const.
class Regex {
 public:
  // `param` names the pattern in errors.
  static Result<std::shared_ptr<const Regex>> compile(std::string_view pattern, const std::string& param);

  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;
  ~Regex();

  // Appends the matches and what lies between them. An error when the pattern backtracks beyond Oniguruma's limits.
  Result<void> find(std::string_view text, std::vector<Match>& out) const;

 private:
  struct State;
  explicit Regex(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The pattern as Oniguruma gets it; for tests.
std::string expand_classes(std::string_view pattern);

}  // namespace mlxserving::text
