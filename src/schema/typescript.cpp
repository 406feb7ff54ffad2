#include <fmt/format.h>

#include <set>
#include <string_view>

#include "schema/export.h"

namespace mlxserving::schema {
namespace {

constexpr std::string_view kHead =
    "// Made by `mlx-serving schema --format typescript` from the tables in src/schema. Do not edit.\n\n";

// The alias of a choice that is exported on its own: ModelStateSchema is the schema, ModelState the type.
std::string alias_of(const Type& type) {
  if (type.kind != Kind::choice || type.name == nullptr) return "";
  const std::string_view name = type.name;
  constexpr std::string_view kTail = "Schema";
  return name.ends_with(kTail) ? std::string(name.substr(0, name.size() - kTail.size())) : "";
}

std::string expression(const Type& type);

std::string joined(std::span<const char* const> choices) {
  std::string out;
  for (const char* choice : choices) out += fmt::format("{}'{}'", out.empty() ? "" : " | ", choice);
  return out;
}

std::string of_options(const Type& type) {
  std::string out;
  for (const Type& option : type.options) out += (out.empty() ? "" : " | ") + expression(option);
  return out;
}

std::string of_list(const Type& type) {
  const std::string item = expression(*type.item);
  return item.find('|') == std::string::npos ? item + "[]" : fmt::format("({})[]", item);
}

std::string of_kind(const Type& type) {
  switch (type.kind) {
    case Kind::any: return "unknown";
    case Kind::boolean: return "boolean";
    case Kind::integer:
    case Kind::number: return "number";
    case Kind::string: return "string";
    case Kind::choice: return alias_of(type).empty() ? joined(type.choices) : alias_of(type);
    case Kind::list: return of_list(type);
    case Kind::map: return fmt::format("Record<string, {}>", expression(*type.item));
    case Kind::object: return type.message->name;
    case Kind::either: return of_options(type);
  }
  return "unknown";
}

std::string expression(const Type& type) { return of_kind(type) + (type.nullable ? " | null" : ""); }

// Names that are no identifiers stand in quotes: tier_limits has '30B+'.
std::string key(std::string_view name) {
  const bool plain = name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ==
                         std::string_view::npos &&
                     (name.front() < '0' || name.front() > '9');
  return plain ? std::string(name) : fmt::format("'{}'", name);
}

std::string comment(const Field& field) {
  std::string text = field.doc;
  if (field.effect == Effect::inert) text += (text.empty() ? "" : " ") + std::string("Accepted, has no effect.");
  if (field.default_json != nullptr) text += fmt::format("{}Default: {}", text.empty() ? "" : " ", field.default_json);
  return text.empty() ? "" : fmt::format("  /** {} */\n", text);
}

std::string of_message(const Message& message) {
  std::string out = fmt::format("/** {} */\nexport interface {} {{\n", message.doc, message.name);
  for (const Field& field : fields_of(message)) {
    const bool absent = field.need != Need::required;
    out += fmt::format("{}  {}{}: {};\n", comment(field), key(field.name), absent ? "?" : "", expression(field.type));
  }
  if (message.extra == Extra::keep) out += "  [key: string]: unknown;\n";
  return out + "}\n\n";
}

void collect_aliases(const Type& type, std::set<std::string>& done, std::string& out) {
  const std::string alias = alias_of(type);
  if (alias.empty() || !done.insert(alias).second) return;
  out += fmt::format("export type {} = {};\n\n", alias, joined(type.choices));
}

}  // namespace

std::string to_typescript() {
  std::string out(kHead);
  std::set<std::string> done;
  for (const Message* message : all_messages()) {
    for (const Field& field : message->fields) collect_aliases(field.type, done, out);
  }
  for (const Message* message : all_messages()) out += of_message(*message);
  out.pop_back();
  return out;
}

}  // namespace mlxserving::schema
