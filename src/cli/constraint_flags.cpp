#include "cli/constraint_flags.h"

#include <filesystem>
#include <string_view>
#include <utility>

#include "core/read_file.h"
#include "core/result.h"

namespace mlxserving::cli {
namespace {

constexpr size_t kFileBytesMax = size_t{16} << 20;

constexpr std::pair<std::string_view, JsonLayout::Space> kSpaces[] = {{"flexible", JsonLayout::Space::flexible},
                                                                      {"compact", JsonLayout::Space::compact},
                                                                      {"indented", JsonLayout::Space::indented},
                                                                      {"any", JsonLayout::Space::any}};

XmlConstraint xml_of(std::string document) {
  if (document == "any") return {.form = XmlConstraint::Form::well_formed};
  const bool is_schema = document.find("http://www.w3.org/2001/XMLSchema") != std::string::npos;
  return {.form = is_schema ? XmlConstraint::Form::schema : XmlConstraint::Form::model,
          .document = std::move(document)};
}

}  // namespace

Result<std::string> file_or_text(const std::string& argument) {
  std::error_code error;
  if (argument.size() < 4096 && std::filesystem::is_regular_file(argument, error))
    return read_file(argument, kFileBytesMax);
  return argument;
}

ConstraintFlags::ConstraintFlags(CLI::App& command) {
  auto* group = command.add_option_group("Form of the answer",
                                         "At most one of these. docs/structured-output.md has "
                                         "what each enforces.");
  group->add_flag("--json-object", json_object_, "Any JSON object.");
  group->add_option("--json-schema", json_schema_, "JSON that is valid under this JSON Schema: a file, or the schema.");
  group->add_option("--regex", regex_, "Text that matches this regular expression (ECMA-262) as a whole.");
  group->add_option("--choice", choices_, "One of these texts; give it once for each.")->allow_extra_args(false);
  group->add_option("--grammar", gbnf_, "Text of this grammar in llama.cpp's GBNF: a file, or the grammar.");
  group->add_option("--lark", lark_, "Text of this grammar in Lark's notation: a file, or the grammar.");
  group->add_option("--xml", xml_,
                    "XML like this document or valid under this XML Schema: a file, or the document; 'any' for any "
                    "well-formed one.");
  group->require_option(0, 1);
  declare_layout(command);
}

void ConstraintFlags::declare_layout(CLI::App& command) {
  constexpr const char* kGroup = "Layout of constrained JSON";
  const auto space = [this](const std::string& name) {
    for (const auto& [known, value] : kSpaces) {
      if (name == known) layout_.space = value;
    }
  };
  command.add_option_function<std::string>("--json-space", space, "White space between its parts. Default flexible.")
      ->check(CLI::IsMember({"flexible", "compact", "indented", "any"}))
      ->group(kGroup);
  command.add_option("--json-indent", layout_.indent, "Spaces a level where --json-space is indented.")
      ->check(CLI::Range(0, 16))
      ->capture_default_str()
      ->group(kGroup);
  const auto order = [this](const std::string& name) {
    layout_.order = name == "any" ? JsonLayout::Order::any : JsonLayout::Order::declared;
  };
  command.add_option_function<std::string>("--json-order", order, "Keys as the schema declares them, or in any order.")
      ->check(CLI::IsMember({"declared", "any"}))
      ->group(kGroup);
}

Result<Constraint> ConstraintFlags::read() const {
  if (json_object_) return Constraint(JsonObjectConstraint{layout_});
  if (!regex_.empty()) return Constraint(RegexConstraint{regex_});
  if (!choices_.empty()) return Constraint(ChoiceConstraint{choices_});
  if (!json_schema_.empty()) {
    MLXS_TRY(std::string schema, file_or_text(json_schema_));
    // The name of a file that is not there would be told as broken JSON.
    if (schema.find_first_of("{}[]\"") == std::string::npos && schema.ends_with(".json")) {
      return fail(ErrorCode::not_found, "json-schema", "{}: no such file", schema);
    }
    return Constraint(JsonSchemaConstraint{std::move(schema), layout_});
  }
  if (!gbnf_.empty()) {
    MLXS_TRY(std::string grammar, file_or_text(gbnf_));
    return Constraint(GbnfConstraint{std::move(grammar)});
  }
  if (!lark_.empty()) {
    MLXS_TRY(std::string grammar, file_or_text(lark_));
    return Constraint(LarkConstraint{std::move(grammar)});
  }
  if (!xml_.empty()) {
    MLXS_TRY(std::string document, file_or_text(xml_));
    return Constraint(xml_of(std::move(document)));
  }
  return Constraint();
}

}  // namespace mlxserving::cli
