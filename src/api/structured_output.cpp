#include "api/structured_output.h"

#include <utility>

#include "core/result.h"

namespace mlxserving::api {
namespace {

Error must_be(const std::string& what, const char* wanted) {
  return fail(ErrorCode::invalid_request, what, "{} must be {}", what, wanted);
}

// The schema as text, which clients send as JSON or as a string that holds it.
Result<Constraint> json_schema(const Json& value, const std::string& what) {
  if (value.is_object() || value.is_boolean()) return Constraint{JsonSchemaConstraint{.schema = to_text(value)}};
  if (!value.is_string()) return must_be(what, "an object");
  const auto parsed = parse_json(value.get_ref<const std::string&>(), what);
  if (!parsed || !parsed->is_object()) return must_be(what, "an object, or a string that holds one");
  return Constraint{JsonSchemaConstraint{.schema = value.get<std::string>()}};
}

Result<Constraint> choice(const Json& value, const std::string& what) {
  ChoiceConstraint choices;
  for (const Json& text : value) {
    if (!value.is_array() || !text.is_string()) return must_be(what, "a list of strings");
    choices.texts.push_back(text.get<std::string>());
  }
  if (choices.texts.empty()) return must_be(what, "a list of strings, at least one");
  return Constraint{std::move(choices)};
}

Constraint xml(const std::string& text) {
  if (text.empty()) return XmlConstraint{};
  const bool is_schema = text.find("http://www.w3.org/2001/XMLSchema") != std::string::npos;
  return XmlConstraint{is_schema ? XmlConstraint::Form::schema : XmlConstraint::Form::model, text};
}

// {"structures": [{"begin", "schema", "end"}], "triggers": [...]}
Result<Constraint> structural_tag(const Json& value, const std::string& what) {
  if (value.is_string()) {
    MLXS_TRY(const Json parsed, parse_json(value.get_ref<const std::string&>(), what));
    if (parsed.is_object()) return structural_tag(parsed, what);
  }
  constexpr const char* kWanted = "an object with structures, each of begin, schema and end, and triggers";
  const auto structures = value.is_object() ? value.find("structures") : value.end();
  if (!value.is_object() || structures == value.end() || !structures->is_array()) return must_be(what, kWanted);
  StructuralTagConstraint constraint;
  for (const Json& tag : *structures) {
    const auto is_text = [&](const char* name) { return tag.contains(name) && tag[name].is_string(); };
    if (!tag.is_object() || !is_text("begin") || !is_text("end")) return must_be(what, kWanted);
    constraint.tags.push_back({.begin = tag["begin"].get<std::string>(),
                               .schema = tag.contains("schema") ? to_text(tag["schema"]) : "",
                               .end = tag["end"].get<std::string>()});
  }
  for (const Json& trigger : value.value("triggers", Json::array())) {
    if (!trigger.is_string()) return must_be(what, kWanted);
    constraint.triggers.push_back(trigger.get<std::string>());
  }
  return Constraint{std::move(constraint)};
}

// The first of two that ask stays; the second is refused by its name.
Result<void> ask(AskedForm& asked, const std::string& field, Result<Constraint> constraint) {
  if (!constraint) return constraint.error();
  if (constraint->index() == 0) return {};
  if (!asked.field.empty()) {
    return fail(ErrorCode::invalid_request, field, "{} and {} exclude each other", field, asked.field);
  }
  asked = {.constraint = std::move(*constraint), .field = field};
  return {};
}

// The members of vLLM's structured_outputs, and what kind each is.
constexpr std::pair<const char*, const char*> kStructuredOutputs[] = {
    {"json", "json_schema"},
    {"json_object", "json_object"},
    {"regex", "regex"},
    {"choice", "choice"},
    {"grammar", "grammar"},
    {"xml", "xml"},
    {"structural_tag", "structural_tag"},
};
constexpr std::pair<const char*, const char*> kGuided[] = {
    {"guided_json", "json_schema"},
    {"guided_regex", "regex"},
    {"guided_choice", "choice"},
    {"guided_grammar", "grammar"},
};

void make_compact(Constraint& constraint) {
  constexpr JsonLayout kCompact = {.space = JsonLayout::Space::compact};
  if (auto* schema = std::get_if<JsonSchemaConstraint>(&constraint)) schema->layout = kCompact;
  if (auto* object = std::get_if<JsonObjectConstraint>(&constraint)) object->layout = kCompact;
}

Result<void> read_structured_outputs(const schema::Reader& outputs, AskedForm& asked) {
  AskedForm inside;
  for (const auto& [name, kind] : kStructuredOutputs) {
    if (!outputs.has(name)) continue;
    const std::string field = std::string("structured_outputs.") + name;
    MLXS_CHECKED(ask(inside, field, make_constraint(kind, outputs.json(name), field)));
  }
  if (outputs.maybe<bool>("disable_any_whitespace").value_or(false)) make_compact(inside.constraint);
  return ask(asked, "structured_outputs", std::move(inside.constraint));
}

}  // namespace

Result<Constraint> make_constraint(const std::string& kind, const Json& value, const std::string& what) {
  if (kind == "json_schema") return json_schema(value, what);
  if (kind == "choice") return choice(value, what);
  if (kind == "structural_tag") return structural_tag(value, what);
  if (kind == "json_object") {
    if (!value.is_boolean()) return must_be(what, "a boolean");
    return value.get<bool>() ? Constraint{JsonObjectConstraint{}} : Constraint{};
  }
  const bool is_known = kind == "xml" || kind == "regex" || kind == "gbnf" || kind == "lark" || kind == "grammar";
  if (!is_known) return fail(ErrorCode::invalid_request, "", "there is no constraint of the kind {}", kind);
  if (!value.is_string()) return must_be(what, "a string");
  auto text = value.get<std::string>();
  if (kind == "xml") return xml(text);
  if (kind == "regex") return Constraint{RegexConstraint{std::move(text)}};
  const bool is_gbnf = kind == "gbnf" || (kind == "grammar" && text.find("::=") != std::string::npos);
  if (is_gbnf) return Constraint{GbnfConstraint{std::move(text)}};
  return Constraint{LarkConstraint{std::move(text)}};
}

Result<Constraint> read_response_format(const Json& format, const std::string& param) {
  const auto type = format.find("type");
  const std::string name = type != format.end() && type->is_string() ? type->get<std::string>() : "";
  if (name == "text") return Constraint{};
  if (name == "json_object") return Constraint{JsonObjectConstraint{}};
  if (name == "structural_tag") return structural_tag(format, param);
  if (name != "json_schema") {
    return fail(ErrorCode::invalid_request, param + ".type",
                "{}.type must be text, json_object, json_schema or structural_tag, got {}", param,
                type == format.end() ? "nothing" : to_text(*type));
  }
  // Chat completions nest the schema, responses do not.
  const auto nested = format.find("json_schema");
  const Json& holder = nested != format.end() ? *nested : format;
  const auto schema = holder.is_object() ? holder.find("schema") : holder.end();
  if (!holder.is_object() || schema == holder.end() || !(schema->is_object() || schema->is_boolean())) {
    return fail(ErrorCode::invalid_request, param, "{} of type json_schema must have a schema, an object", param);
  }
  return Constraint{JsonSchemaConstraint{.schema = to_text(*schema)}};
}

Result<AskedForm> read_form(const schema::Reader& reader) {
  AskedForm asked;
  if (reader.has("response_format")) {
    MLXS_CHECKED(
        ask(asked, "response_format", read_response_format(reader.json("response_format"), "response_format")));
  }
  for (const auto& [name, kind] : kGuided) {
    if (reader.has(name)) MLXS_CHECKED(ask(asked, name, make_constraint(kind, reader.json(name), name)));
  }
  if (reader.has("structured_outputs")) {
    MLXS_CHECKED(read_structured_outputs(reader.inside("structured_outputs"), asked));
  }
  return asked;
}

}  // namespace mlxserving::api
