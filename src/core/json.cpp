#include "core/json.h"

#include <algorithm>

#include "core/json_fault.h"
#include "core/read_file.h"
#include "core/result.h"

namespace mlxserving {
namespace {

// The deepest nesting of brackets outside strings. The parser recurses on the heap, but destruction and our walkers do
// not, so depth is bounded before a value exists.
int nesting_depth(std::string_view text) {
  int depth = 0;
  int deepest = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '[' || c == '{') deepest = std::max(deepest, ++depth);
    if (c == ']' || c == '}') --depth;
  }
  return deepest;
}

}  // namespace

std::string fault_of(const Json::exception& error) {
  // "[json.exception.parse_error.101] parse error at line 1, column 5: ..."
  std::string_view text = error.what();
  if (const size_t end = text.find("] "); end != std::string_view::npos) text.remove_prefix(end + 2);
  for (const std::string_view words : {"parse error at ", "parse error: "}) {
    if (text.starts_with(words)) text.remove_prefix(words.size());
  }
  return std::string(text);
}

Result<Json> parse_json(std::string_view text, std::string_view what, const JsonLimits& limits) {
  if (text.size() > limits.bytes_max) {
    return fail(ErrorCode::invalid_request, std::string(what), "{} must be at most {} bytes, got {}", what,
                limits.bytes_max, text.size());
  }
  if (const int depth = nesting_depth(text); depth > limits.depth_max) {
    return fail(ErrorCode::invalid_request, std::string(what), "{} must be nested at most {} deep, got {}", what,
                limits.depth_max, depth);
  }
  // The parser takes a NUL for the end of the text, whatever follows.
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return fail(ErrorCode::invalid_request, std::string(what), "{} is not valid JSON: byte {} is a NUL", what, nul);
  }
  try {
    return Json::parse(text);
  } catch (const Json::exception& e) {
    return fail(ErrorCode::invalid_request, std::string(what), "{} is not valid JSON: {}", what, fault_of(e));
  }
}

Result<Json> read_json_file(const std::string& path, const JsonLimits& limits) {
  MLXS_TRY(const std::string text, read_file(path, limits.bytes_max));
  return parse_json(text, path, limits);
}

std::string to_text(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace mlxserving
