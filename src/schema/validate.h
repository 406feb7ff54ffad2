// Whether a value is the message it claims to be: all faults at once, each with its path, text and code.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/json.h"
#include "mlxserving/error.h"
#include "schema/schema.h"

namespace mlxserving::schema {

using PathStep = std::variant<std::string, size_t>;  // a member's name or an index

struct Issue {
  std::vector<PathStep> path;
  std::string message;
  const char* code;  // as Zod names it: invalid_type, too_small, too_big, invalid_enum_value, invalid_union, ...
};

// What a configuration allows at most, by the key that a row names in Range::max_key.
struct Bound {
  std::string_view key;
  double max;
};

struct Options {
  std::span<const Bound> bounds = {};
};

// Issues beyond this many are not listed: a million bad items are one mistake.
constexpr size_t kIssuesMax = 100;
// Of a value that an issue's text shows.
constexpr size_t kShownBytesMax = 120;

// Empty when `value` is valid. Takes time linear in the value; never throws.
std::vector<Issue> validate(const Json& value, const Message& message, const Options& options = {});

enum class Mode {
  strict,  // any issue is an error
  warn,    // an optional field that is wrong counts as absent and its issues are warnings; others are errors
};

// A valid message under its canonical names: further spellings replaced, defaults filled in, members that no row names
// dropped or kept as the message says.
struct Parsed {
  Json value;
  std::vector<Issue> warnings;
};

// `issues`, when given, receives what made it fail.
Result<Parsed> parse(const Json& value, const Message& message, Mode mode = Mode::strict, const Options& options = {},
                     std::vector<Issue>* issues = nullptr);

// "Validation error on field 'a.b': text" of the first issue, with param "a.b"; a fault of the whole value is of the
// field "root".
Error to_error(const std::vector<Issue>& issues, Voice voice = Voice::zod);

// [{"path": [...], "message": "...", "code": "..."}]
Json to_json(const std::vector<Issue>& issues);

std::string path_text(const std::vector<PathStep>& path);  // "a.b.0"

}  // namespace mlxserving::schema
