#include "grammar/compile.h"

#include "core/result.h"
#include "grammar/gbnf.h"
#include "grammar/lark.h"
#include "grammar/pattern.h"
#include "grammar/tag_machine.h"
#include "grammar/xml_grammar.h"
#include "grammar/xml_machine.h"

namespace mlxserving::grammar {
namespace {

Result<std::shared_ptr<Grammar>> finished(std::unique_ptr<RuleMachine> machine, RuleSet rules,
                                          std::shared_ptr<const Vocabulary> vocabulary, const CompileOptions& options) {
  MLXS_CHECKED(machine->load(std::move(rules)));
  return std::make_shared<Grammar>(std::move(machine), std::move(vocabulary), options.masks);
}

RuleSet one_rule(RegexId text) {
  RuleSet rules{.rules = {}, .start = "root"};
  rules.rules.emplace("root", Expression::of(text));
  return rules;
}

}  // namespace

Result<std::shared_ptr<Grammar>> compile_json_schema(std::string_view schema,
                                                     std::shared_ptr<const Vocabulary> vocabulary,
                                                     const CompileOptions& options) {
  MLXS_TRY(auto machine, JsonMachine::compile(schema, options.layout, options.json));
  return std::make_shared<Grammar>(std::move(machine), std::move(vocabulary), options.masks);
}

Result<std::shared_ptr<Grammar>> compile_any_json(std::shared_ptr<const Vocabulary> vocabulary,
                                                  const CompileOptions& options) {
  return compile_json_schema("true", std::move(vocabulary), options);
}

Result<std::shared_ptr<Grammar>> compile_regex(std::string_view pattern, std::shared_ptr<const Vocabulary> vocabulary,
                                               const CompileOptions& options) {
  auto machine = std::make_unique<RuleMachine>(options.rules);
  MLXS_TRY(const RegexId text, parse_pattern(machine->lexicon().pool(), pattern, {.is_search = false}));
  return finished(std::move(machine), one_rule(text), std::move(vocabulary), options);
}

Result<std::shared_ptr<Grammar>> compile_choices(std::span<const std::string> choices,
                                                 std::shared_ptr<const Vocabulary> vocabulary,
                                                 const CompileOptions& options) {
  if (choices.empty()) return fail(ErrorCode::invalid_request, "choices", "there must be at least one choice");
  auto machine = std::make_unique<RuleMachine>(options.rules);
  std::vector<RegexId> literals;
  for (const std::string& choice : choices) literals.push_back(machine->lexicon().pool().literal(choice));
  const RegexId any = machine->lexicon().pool().any_of(std::move(literals));
  return finished(std::move(machine), one_rule(any), std::move(vocabulary), options);
}

Result<std::shared_ptr<Grammar>> compile_gbnf(std::string_view text, std::shared_ptr<const Vocabulary> vocabulary,
                                              const CompileOptions& options) {
  auto machine = std::make_unique<RuleMachine>(options.rules);
  MLXS_TRY(auto rules, parse_gbnf(text, machine->lexicon().pool(), options.rules));
  return finished(std::move(machine), std::move(rules), std::move(vocabulary), options);
}

Result<std::shared_ptr<Grammar>> compile_lark(std::string_view text, std::shared_ptr<const Vocabulary> vocabulary,
                                              const CompileOptions& options) {
  auto machine = std::make_unique<RuleMachine>(options.rules);
  MLXS_TRY(auto rules, parse_lark(text, machine->lexicon().pool(), options.rules));
  return finished(std::move(machine), std::move(rules), std::move(vocabulary), options);
}

Result<std::shared_ptr<Grammar>> compile_xml(const XmlConstraint& xml, std::shared_ptr<const Vocabulary> vocabulary,
                                             const CompileOptions& options) {
  if (xml.form == XmlConstraint::Form::well_formed) {
    return std::make_shared<Grammar>(std::make_unique<XmlMachine>(options.rules), std::move(vocabulary), options.masks);
  }
  auto machine = std::make_unique<RuleMachine>(options.rules);
  const auto read = xml.form == XmlConstraint::Form::model ? read_xml_model : read_xml_schema;
  MLXS_TRY(auto rules, read(xml.document, machine->lexicon().pool(), options.rules));
  return finished(std::move(machine), std::move(rules), std::move(vocabulary), options);
}

Result<std::shared_ptr<Grammar>> compile_structural_tags(const StructuralTagConstraint& tags,
                                                         std::shared_ptr<const Vocabulary> vocabulary,
                                                         const CompileOptions& options) {
  MLXS_TRY(auto machine, TagMachine::compile(tags, options.layout, options.json));
  return std::make_shared<Grammar>(std::move(machine), std::move(vocabulary), options.masks);
}

}  // namespace mlxserving::grammar
