#include "api/content_text.h"

#include <algorithm>

#include "core/result.h"

namespace mlxserving::api {

std::string text_member(const Json& object, const char* name) {
  if (!object.is_object()) return "";
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

Result<std::string> required_text(const Json& object, const char* name, const std::string& field) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  if (object.is_object() && found != object.end() && found->is_string()) return found->get<std::string>();
  const std::string param = field + "." + name;
  return fail(ErrorCode::invalid_request, param, "{} is required, a string", param);
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
    const std::string block = fmt::format("{}[{}]", field, i);
    const std::string type = text_member(content[i], "type");
    if (std::ranges::find(types, type) == types.end()) {
      return fail(ErrorCode::invalid_request, block + ".type", "{}.type '{}' is not supported: only text is", block,
                  type);
    }
    MLXS_TRY(const std::string part, required_text(content[i], type == "refusal" ? "refusal" : "text", block));
    text += part;
  }
  return text;
}

}  // namespace mlxserving::api
