// From a valid value to its canonical form, and what warning mode forgives on the way.
#include <set>

#include "core/result.h"
#include "schema/validate.h"

namespace mlxserving::schema {
namespace {

using Dropped = std::set<std::string>;  // paths that count as absent

// The longest path to a member that may be absent, on the way to the issue; empty if there is none.
std::string droppable(const Issue& issue, const Message& root) {
  std::string path;
  std::string best;
  const Message* message = &root;
  for (const PathStep& step : issue.path) {
    const std::string* name = std::get_if<std::string>(&step);
    const Field* field = name != nullptr && message != nullptr ? find_field(*message, *name) : nullptr;
    if (field == nullptr) break;
    path += (path.empty() ? "" : ".") + *name;
    if (field->need != Need::required || field->default_json != nullptr) best = path;
    message = field->type.message;
  }
  return best;
}

const Json* find_member(const Json& value, const Field& field) {
  auto found = value.find(field.name);
  if (found == value.end() && field.also != nullptr) found = value.find(field.also);
  return found == value.end() ? nullptr : &*found;
}

Json canonical(const Json& value, const Message& message, const Dropped& dropped, const std::string& path);

Json canonical_member(const Json& value, const Type& type, const Dropped& dropped, const std::string& path) {
  if (value.is_null()) return value;
  if (type.kind == Kind::object) return canonical(value, *type.message, dropped, path);
  if (type.kind == Kind::list && type.item->kind == Kind::object) {
    Json list = Json::array();
    for (const Json& item : value) list.push_back(canonical(item, *type.item->message, {}, ""));
    return list;
  }
  return value;
}

Json canonical(const Json& value, const Message& message, const Dropped& dropped, const std::string& path) {
  Json out = Json::object();
  for (const Field& field : fields_of(message)) {
    const std::string at = path + (path.empty() ? "" : ".") + field.name;
    const Json* found = find_member(value, field);
    const bool drop = found != nullptr && dropped.contains(at);
    if (found != nullptr && !drop) {
      out[field.name] = canonical_member(*found, field.type, dropped, at);
    } else if (field.default_json != nullptr && (drop || field.need == Need::defaulted)) {
      out[field.name] = Json::parse(field.default_json);
    }
  }
  if (message.extra != Extra::keep) return out;
  for (const auto& [name, item] : value.items()) {
    if (find_field(message, name) == nullptr) out[name] = item;
  }
  return out;
}

}  // namespace

Result<Parsed> parse(const Json& value, const Message& message, Mode mode, const Options& options,
                     std::vector<Issue>* issues) {
  Parsed parsed;
  Dropped dropped;
  std::vector<Issue> errors;
  for (Issue& issue : validate(value, message, options)) {
    std::string path = mode == Mode::warn ? droppable(issue, message) : "";
    if (path.empty()) {
      errors.push_back(std::move(issue));
    } else {
      parsed.warnings.push_back(std::move(issue));
      dropped.insert(std::move(path));
    }
  }
  if (!errors.empty()) {
    Error error = to_error(errors, message.voice);
    if (issues != nullptr) *issues = std::move(errors);
    return error;
  }
  parsed.value = canonical(value, message, dropped, "");
  return parsed;
}

}  // namespace mlxserving::schema
