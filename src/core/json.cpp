#include "core/json.h"

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

Result<Json> parse_json(std::string_view text, std::string_view what, const JsonLimits& limits) {
  if (text.size() > limits.bytes_max) {
    return fail(ErrorCode::invalid_request, std::string(what), "{} must be at most {} bytes, got {}", what,
                limits.bytes_max, text.size());
  }
  if (const int depth = nesting_depth(text); depth > limits.depth_max) {
    return fail(ErrorCode::invalid_request, std::string(what), "{} must be nested at most {} deep, got {}", what,
                limits.depth_max, depth);
  }
  try {
    return Json::parse(text);
  } catch (const Json::exception& e) {
    return fail(ErrorCode::invalid_request, std::string(what), "{} is not valid JSON: {}", what, e.what());
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
