#include "text/dialects/typed_arguments.h"

namespace mlxserving::text {

using Kind = AnswerPart::Kind;

void TypedArguments::begin(const std::string& name, AnswerParts& parts) {
  tool_ = nullptr;
  any_ = false;
  for (const ToolSignature& tool : tools_) {
    if (tool.name == name) tool_ = &tool;
  }
  add_part(parts, Kind::call, name);
  add_part(parts, Kind::arguments, "{");
}

bool TypedArguments::is_string(const std::string& key) const {
  if (tool_ == nullptr) return false;
  const auto properties = tool_->parameters.find("properties");
  if (properties == tool_->parameters.end() || !properties->is_object()) return false;
  const auto property = properties->find(key);
  return property != properties->end() && property->is_object() && property->value("type", Json()) == "string";
}

void TypedArguments::add(const std::string& key, const std::string& text, AnswerParts& parts) {
  add_part(parts, Kind::arguments, (any_ ? ", " : "") + to_text(Json(key)) + ": ");
  any_ = true;
  const bool is_json = !is_string(key) && parse_json(text, "an argument").ok();
  add_part(parts, Kind::arguments, is_json ? text : to_text(Json(text)));
}

void TypedArguments::end(AnswerParts& parts) {
  add_part(parts, Kind::arguments, "}");
  add_part(parts, Kind::call_end);
}

}  // namespace mlxserving::text
