#include "schema/export.h"

#include <string_view>

namespace mlxserving::schema {
namespace {

Json of(const Type& type);

Json plain_number(double value) {
  if (value == static_cast<double>(static_cast<int64_t>(value))) return static_cast<int64_t>(value);
  return value;
}

void add_range(Json& out, const Range& range) {
  if (range.min > -kSafeInteger) out[range.above_min ? "exclusiveMinimum" : "minimum"] = plain_number(range.min);
  if (range.max < kSafeInteger) out["maximum"] = plain_number(range.max);
}

void add_sizes(Json& out, const Type& type, const char* least, const char* most) {
  if (type.size_min > 0) out[least] = type.size_min;
  if (type.size_max != kAnySize) out[most] = type.size_max;
}

Json of_text(const Type& type) {
  Json out = {{"type", "string"}};
  add_sizes(out, type, "minLength", "maxLength");
  if (type.pattern != nullptr) out["pattern"] = type.pattern->js;
  return out;
}

Json of_choice(const Type& type) {
  if (type.choices.size() == 1) return {{"const", type.choices.front()}};
  Json values = Json::array();
  for (const char* value : type.choices) values.push_back(value);
  return {{"type", "string"}, {"enum", values}};
}

Json of_options(const Type& type) {
  Json options = Json::array();
  for (const Type& option : type.options) options.push_back(of(option));
  return {{"anyOf", options}};
}

Json of_list(const Type& type) {
  Json out = {{"type", "array"}, {"items", of(*type.item)}};
  add_sizes(out, type, "minItems", "maxItems");
  return out;
}

Json of_map(const Type& type) {
  Json out = {{"type", "object"}, {"additionalProperties", of(*type.item)}};
  add_sizes(out, type, "minProperties", "maxProperties");
  return out;
}

Json of_number(const Type& type) {
  Json out = {{"type", type.kind == Kind::integer ? "integer" : "number"}};
  add_range(out, type.range);
  return out;
}

Json of_kind(const Type& type) {
  switch (type.kind) {
    case Kind::any: return Json::object();
    case Kind::boolean: return {{"type", "boolean"}};
    case Kind::integer:
    case Kind::number: return of_number(type);
    case Kind::string: return of_text(type);
    case Kind::choice: return of_choice(type);
    case Kind::list: return of_list(type);
    case Kind::map: return of_map(type);
    case Kind::object: return {{"$ref", std::string("#/$defs/") + type.message->name}};
    case Kind::either: return of_options(type);
  }
  return Json::object();
}

Json of(const Type& type) {
  Json out = of_kind(type);
  if (!type.nullable) return out;
  return {{"anyOf", Json::array({out, {{"type", "null"}}})}};
}

Json of_message(const Message& message) {
  Json properties = Json::object();
  Json needed = Json::array();
  for (const Field& field : fields_of(message)) {
    Json property = of(field.type);
    if (field.doc[0] != '\0') property["description"] = field.doc;
    if (field.default_json != nullptr) property["default"] = Json::parse(field.default_json);
    if (field.effect == Effect::inert) property["deprecated"] = true;
    properties[field.name] = std::move(property);
    if (field.need == Need::required) needed.push_back(field.name);
  }
  Json out = {{"type", "object"}, {"description", message.doc}, {"properties", properties}};
  if (!needed.empty()) out["required"] = needed;
  if (message.extra == Extra::forbid) out["additionalProperties"] = false;
  return out;
}

// References begin with `prefix` instead of the document's own.
void point_to(Json& schema, const std::string& prefix) {
  constexpr std::string_view kOwn = "#/$defs/";
  if (schema.is_object() || schema.is_array()) {
    for (Json& part : schema) point_to(part, prefix);
  } else if (schema.is_string() && schema.get_ref<const std::string&>().starts_with(kOwn)) {
    schema = prefix + schema.get<std::string>().substr(kOwn.size());
  }
}

}  // namespace

Json to_json_schema(const Message& message, const std::string& prefix) {
  Json schema = of_message(message);
  point_to(schema, prefix);
  return schema;
}

Json to_json_schema() {
  Json definitions = Json::object();
  for (const Message* message : all_messages()) definitions[message->name] = of_message(*message);
  return {{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"$defs", definitions}};
}

}  // namespace mlxserving::schema
