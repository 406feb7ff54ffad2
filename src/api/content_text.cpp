#include "api/content_text.h"

#include <algorithm>

#include "core/result.h"

namespace mlxserving::api {

std::string text_member(const Json& object, const char* name) {
  if (!object.is_object()) return "";
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

Result<std::string> content_text(const Json& content, std::initializer_list<std::string_view> types,
                                 const std::string& field) {
  if (content.is_string()) return content.get<std::string>();
  if (content.is_null()) return std::string();
  if (!content.is_array()) {
    return fail(ErrorCode::invalid_request, field, "{} must be a string or a list of blocks, got {}", field,
                content.type_name());
  }
  std::string text;
  for (size_t i = 0; i < content.size(); ++i) {
    const std::string type = text_member(content[i], "type");
    if (std::ranges::find(types, type) == types.end()) {
      return fail(ErrorCode::invalid_request, fmt::format("{}[{}].type", field, i),
                  "{}[{}].type '{}' is not supported: only text is", field, i, type);
    }
    text += text_member(content[i], "text");
  }
  return text;
}

}  // namespace mlxserving::api
