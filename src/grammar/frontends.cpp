// The table of front-ends: which function compiles which kind of constraint.
#include <array>

#include "core/result.h"
#include "grammar/compile.h"

namespace mlxserving::grammar {
namespace {

using Compiled = Result<std::shared_ptr<Grammar>>;
using SharedVocabulary = std::shared_ptr<const Vocabulary>;

CompileOptions with_layout(CompileOptions options, const JsonLayout& layout) {
  options.layout = layout;
  return options;
}

// One compiler for each kind; std::visit finds it, so that a kind without one does not compile.
struct Compile {
  const SharedVocabulary& vocabulary;
  const CompileOptions& options;

  Compiled operator()(const std::monostate&) const {
    return fail(ErrorCode::invalid_request, "constraint", "free text has no grammar");
  }
  Compiled operator()(const JsonObjectConstraint& c) const {
    return compile_json_schema(R"({"type": "object"})", vocabulary, with_layout(options, c.layout));
  }
  Compiled operator()(const JsonSchemaConstraint& c) const {
    return compile_json_schema(c.schema, vocabulary, with_layout(options, c.layout));
  }
  Compiled operator()(const RegexConstraint& c) const { return compile_regex(c.pattern, vocabulary, options); }
  Compiled operator()(const ChoiceConstraint& c) const { return compile_choices(c.texts, vocabulary, options); }
  Compiled operator()(const GbnfConstraint& c) const { return compile_gbnf(c.grammar, vocabulary, options); }
  Compiled operator()(const LarkConstraint& c) const { return compile_lark(c.grammar, vocabulary, options); }
  Compiled operator()(const XmlConstraint& c) const { return compile_xml(c, vocabulary, options); }
  Compiled operator()(const StructuralTagConstraint& c) const {
    return compile_structural_tags(c, vocabulary, options);
  }
};

// By the constraint's index.
constexpr std::array kNames = {"free text", "json_object", "json_schema", "regex",         "choice",
                               "gbnf",      "lark",        "xml",         "structural_tag"};
static_assert(kNames.size() == std::variant_size_v<Constraint>);

// The fields of a constraint, each with its length, so that no two contents give one key.
class Key {
 public:
  std::string of(const Constraint& constraint) {
    number(constraint.index());
    std::visit(*this, constraint);
    return std::move(key_);
  }

  void operator()(const std::monostate&) {}
  void operator()(const JsonObjectConstraint& c) { layout(c.layout); }
  void operator()(const JsonSchemaConstraint& c) {
    text(c.schema);
    layout(c.layout);
  }
  void operator()(const RegexConstraint& c) { text(c.pattern); }
  void operator()(const ChoiceConstraint& c) {
    for (const std::string& choice : c.texts) text(choice);
  }
  void operator()(const GbnfConstraint& c) { text(c.grammar); }
  void operator()(const LarkConstraint& c) { text(c.grammar); }
  void operator()(const XmlConstraint& c) {
    number(static_cast<uint64_t>(c.form));
    text(c.document);
  }
  void operator()(const StructuralTagConstraint& c) {
    number(c.tags.size());
    for (const StructuralTag& tag : c.tags) {
      text(tag.begin);
      text(tag.schema);
      text(tag.end);
    }
    for (const std::string& trigger : c.triggers) text(trigger);
    number(c.required);
    number(c.parallel);
  }

 private:
  void number(uint64_t value) { key_ += std::to_string(value) + ';'; }
  void text(const std::string& value) {
    number(value.size());
    key_ += value;
  }
  void layout(const JsonLayout& layout) {
    number(static_cast<uint64_t>(layout.space));
    number(layout.indent);
    number(static_cast<uint64_t>(layout.order));
  }

  std::string key_;
};

}  // namespace

Compiled compile(const Constraint& constraint, const SharedVocabulary& vocabulary, const CompileOptions& options) {
  return std::visit(Compile{vocabulary, options}, constraint);
}

const char* name_of(const Constraint& constraint) { return kNames[constraint.index()]; }

std::string content_key(const Constraint& constraint) { return Key().of(constraint); }

}  // namespace mlxserving::grammar
