#include "cli/constraint_flags.h"

#include <filesystem>
#include <map>

#include "core/read_file.h"
#include "core/result.h"

namespace mlxserving::cli {
namespace {

constexpr size_t kFileBytesMax = size_t{16} << 20;

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
  const std::map<std::string, JsonLayout::Space> spaces{{"flexible", JsonLayout::Space::flexible},
                                                        {"compact", JsonLayout::Space::compact},
                                                        {"indented", JsonLayout::Space::indented},
                                                        {"any", JsonLayout::Space::any}};
  command
      .add_option("--json-space", layout_.space, "White space of constrained JSON: flexible, compact, indented, any.")
      ->transform(CLI::CheckedTransformer(spaces, CLI::ignore_case));
  command.add_option("--json-indent", layout_.indent, "Spaces a level where --json-space is indented.")
      ->check(CLI::Range(0, 16));
  const std::map<std::string, JsonLayout::Order> orders{{"declared", JsonLayout::Order::declared},
                                                        {"any", JsonLayout::Order::any}};
  command.add_option("--json-order", layout_.order, "Order of keys: declared, as the schema has them, or any.")
      ->transform(CLI::CheckedTransformer(orders, CLI::ignore_case));
}

Result<Constraint> ConstraintFlags::read() const {
  if (json_object_) return Constraint(JsonObjectConstraint{layout_});
  if (!regex_.empty()) return Constraint(RegexConstraint{regex_});
  if (!choices_.empty()) return Constraint(ChoiceConstraint{choices_});
  if (!json_schema_.empty()) {
    MLXS_TRY(std::string schema, file_or_text(json_schema_));
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
