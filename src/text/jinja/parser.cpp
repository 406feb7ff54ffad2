#include "text/jinja/parser.h"

#include <algorithm>
#include <initializer_list>

#include "text/jinja/expression_parser.h"
#include "text/jinja/fault.h"

namespace mlxserving::text::jinja {
namespace {

using Words = std::initializer_list<std::string_view>;

// Statements; expressions come from the base.
class Parser : ExpressionParser {
 public:
  using ExpressionParser::ExpressionParser;

  Body run() { return parse_body({}); }

 private:
  bool is_any_name(Words names) const {
    return std::any_of(names.begin(), names.end(), [&](auto name) { return is_name(name); });
  }

  // Statements up to one of `ends`, which is then the current token; to the end of the template when there are none.
  Body parse_body(Words ends) {
    const Nesting nesting(*this);
    Body body;
    std::unique_ptr<Output> output;
    const auto flush = [&] {
      if (output != nullptr) body.push_back(std::move(output));
    };
    const auto part = [&]() -> Output::Part& {
      if (output == nullptr) output = std::make_unique<Output>(current().line);
      return output->parts.emplace_back();
    };
    while (current().type != TokenType::end) {
      if (current().type == TokenType::data) {
        part().data = make_text(next().text, Trust::yes);
      } else if (current().type == TokenType::variable_begin) {
        next();
        ExprPtr value = parse_tuple();
        part().value = std::move(value);
        expect(TokenType::variable_end, "end of print statement");
      } else {
        flush();
        next();  // block_begin
        if (is_any_name(ends)) return body;
        body.push_back(parse_statement());
        expect(TokenType::block_end, "end of statement block");
      }
    }
    flush();
    if (ends.size() > 0) fail_end_of_template(ends);
    return body;
  }

  [[noreturn]] void fail_end_of_template(Words ends) const {
    std::string wanted;
    for (const auto end : ends) wanted += fmt::format("{}'{}'", wanted.empty() ? "" : " or ", end);
    fail(current().line,
         fmt::format("Unexpected end of template. Jinja was looking for the following tags: {}.", wanted));
  }

  // The body of a tag, whose own end is next.
  Body parse_block_body(Words ends) {
    skip_op(":");
    expect(TokenType::block_end, "end of statement block");
    return parse_body(ends);
  }

  StmtPtr parse_statement() {
    const Token token = current();
    if (token.type != TokenType::name) fail(token.line, "tag name expected");
    using Parse = StmtPtr (Parser::*)();
    static constexpr std::pair<std::string_view, Parse> kTags[] = {
        {"for", &Parser::parse_for},
        {"if", &Parser::parse_if},
        {"set", &Parser::parse_set},
        {"macro", &Parser::parse_macro},
        {"call", &Parser::parse_call_block},
        {"filter", &Parser::parse_filter_block},
        {"with", &Parser::parse_with},
        {"generation", &Parser::parse_generation},
        {"break", &Parser::parse_jump},
        {"continue", &Parser::parse_jump},
        {"print", &Parser::parse_print},
        {"block", &Parser::parse_block},
        {"autoescape", &Parser::parse_autoescape},
        {"include", &Parser::parse_include},
        {"extends", &Parser::parse_extends},
        {"import", &Parser::parse_import},
        {"from", &Parser::parse_from},
    };
    for (const auto& [tag, parse] : kTags) {
      if (token.text == tag) return (this->*parse)();
    }
    fail(token.line, fmt::format("Encountered unknown tag '{}'.", token.text));
  }

  StmtPtr parse_for() {
    auto node = std::make_unique<For>(next().line);
    const size_t target_begin = position();
    node->target = parse_assign_target(false, true);
    return_to(target_begin);  // the loop's test has a tree of its own
    node->test_target = parse_assign_target(false, true);
    expect_name("in");
    node->iterable = parse_tuple(false, "recursive");
    if (skip_name("if")) node->test = parse_expression();
    node->is_recursive = skip_name("recursive");
    node->body = parse_block_body({"endfor", "else"});
    if (next().text == "else") {
      node->otherwise = parse_block_body({"endfor"});
      next();
    }
    return node;
  }

  StmtPtr parse_if() {
    auto node = std::make_unique<If>(next().line);
    for (;;) {
      ExprPtr test = parse_tuple(false);
      Body body = parse_block_body({"elif", "else", "endif"});
      node->branches.emplace_back(std::move(test), std::move(body));
      const Token end = next();
      if (end.is_name("elif")) continue;
      if (end.is_name("else")) {
        node->otherwise = parse_block_body({"endif"});
        next();
      }
      return node;
    }
  }

  StmtPtr parse_set() {
    const int line = next().line;
    ExprPtr target = parse_assign_target(true, false);
    if (skip_op("=")) {
      auto node = std::make_unique<Assign>(line);
      node->target = std::move(target);
      node->value = parse_tuple();
      return node;
    }
    auto node = std::make_unique<AssignBlock>(line);
    node->target = std::move(target);
    node->filter = parse_filters(nullptr, false);
    node->body = parse_block_body({"endset"});
    next();
    return node;
  }

  void parse_signature(Signature& signature) {
    expect_op("(");
    while (!is_op(")")) {
      if (!signature.names.empty()) expect_op(",");
      const Token name = expect(TokenType::name, "name");
      check_assignable(name);
      if (skip_op("=")) {
        signature.defaults.push_back(parse_expression());
      } else if (!signature.defaults.empty()) {
        fail(current().line, "non-default argument follows default argument");
      }
      if (std::find(signature.names.begin(), signature.names.end(), name.text) != signature.names.end()) {
        fail(name.line, fmt::format("duplicate argument '{}' in a definition", name.text));
      }
      signature.names.push_back(name.text);
    }
    next();
  }

  StmtPtr parse_macro() {
    auto node = std::make_unique<Macro>(next().line);
    const Token name = expect(TokenType::name, "name");
    check_assignable(name);
    node->name = name.text;
    parse_signature(node->signature);
    node->signature.body = parse_block_body({"endmacro"});
    next();
    return node;
  }

  StmtPtr parse_call_block() {
    auto node = std::make_unique<CallBlock>(next().line);
    if (is_op("(")) parse_signature(node->signature);
    node->call = parse_expression();
    if (node->call->kind != ExprKind::call) fail(node->line, "expected call");
    node->signature.body = parse_block_body({"endcall"});
    next();
    return node;
  }

  StmtPtr parse_generation() {
    auto node = std::make_unique<CallBlock>(next().line);
    node->signature.body = parse_block_body({"endgeneration"});
    next();
    return node;
  }

  StmtPtr parse_filter_block() {
    auto node = std::make_unique<FilterBlock>(next().line);
    node->filter = parse_filters(nullptr, true);
    node->body = parse_block_body({"endfilter"});
    next();
    return node;
  }

  StmtPtr parse_with() {
    auto node = std::make_unique<With>(next().line);
    while (current().type != TokenType::block_end) {
      if (!node->targets.empty()) expect_op(",");
      ExprPtr target = parse_assign_target(false, false);
      expect_op("=");
      node->targets.emplace_back(std::move(target), parse_expression());
    }
    node->body = parse_block_body({"endwith"});
    next();
    return node;
  }

  StmtPtr parse_autoescape() {
    auto node = std::make_unique<Autoescape>(next().line);
    node->enabled = parse_expression();
    node->body = parse_block_body({"endautoescape"});
    next();
    return node;
  }

  StmtPtr parse_block() {
    auto node = std::make_unique<Block>(next().line);
    node->name = expect(TokenType::name, "name").text;
    node->is_scoped = skip_name("scoped");
    node->is_required = skip_name("required");
    if (is_op("-")) {
      fail(current().line,
           "Block names in Jinja have to be valid Python identifiers and may not contain hyphens, use an "
           "underscore instead.");
    }
    node->body = parse_block_body({"endblock"});
    next();
    skip_name(node->name);
    return node;
  }

  StmtPtr parse_print() {
    auto node = std::make_unique<Output>(next().line);
    while (current().type != TokenType::block_end) {
      if (!node->parts.empty()) expect_op(",");
      ExprPtr value = parse_expression();
      node->parts.emplace_back().value = std::move(value);
    }
    return node;
  }

  StmtPtr parse_jump() {
    const Token token = next();
    return std::make_unique<Jump>(token.text == "break" ? StmtKind::break_loop : StmtKind::continue_loop, token.line);
  }

  void skip_context_words() {
    if ((is_name("with") || is_name("without")) && look().is_name("context")) {
      next();
      next();
    }
  }

  StmtPtr parse_include() {
    auto node = std::make_unique<NeedsLoader>(next().line, "include");
    node->name = parse_expression();
    if (is_name("ignore") && look().is_name("missing")) {
      next();
      next();
    }
    skip_context_words();
    return node;
  }

  StmtPtr parse_extends() {
    auto node = std::make_unique<NeedsLoader>(next().line, "extends");
    node->name = parse_expression();
    return node;
  }

  StmtPtr parse_import() {
    auto node = std::make_unique<NeedsLoader>(next().line, "import");
    node->name = parse_expression();
    expect_name("as");
    node->imported.push_back(expect(TokenType::name, "name").text);
    skip_context_words();
    return node;
  }

  StmtPtr parse_from() {
    auto node = std::make_unique<NeedsLoader>(next().line, "from");
    node->name = parse_expression();
    expect_name("import");
    do {
      if ((is_name("with") || is_name("without")) && look().is_name("context")) break;
      std::string name = expect(TokenType::name, "name").text;
      if (name.starts_with('_')) fail(current().line, "names starting with an underline can not be imported");
      if (skip_name("as")) name = expect(TokenType::name, "name").text;
      node->imported.push_back(std::move(name));
    } while (skip_op(","));
    skip_context_words();
    return node;
  }

  // --- targets of assignments

  static void check_assignable(const Token& name) {
    constexpr std::string_view kConstants[] = {"true", "false", "none", "True", "False", "None"};
    if (std::find(std::begin(kConstants), std::end(kConstants), name.text) != std::end(kConstants)) {
      fail(name.line, fmt::format("can't assign to '{}'", name.text));
    }
  }

  static void check_target(const Expr& target) {
    if (target.kind == ExprKind::name || target.kind == ExprKind::namespace_ref) return;
    if (target.kind != ExprKind::tuple) fail(target.line, "can't assign to this expression");
    for (const ExprPtr& item : static_cast<const Items&>(target).items) check_target(*item);
  }

  // Names and tuples of them; `ns.x` where allowed; ends before `in` where that follows.
  ExprPtr parse_assign_target(bool with_namespace, bool ends_at_in) {
    const int line = current().line;
    auto tuple = std::make_unique<Items>(ExprKind::tuple, line);
    bool is_tuple = false;
    for (;;) {
      if (is_tuple_end(ends_at_in ? "in" : "")) break;
      tuple->items.push_back(parse_target_primary(with_namespace));
      if (!is_op(",")) break;
      is_tuple = true;
      next();
    }
    if (!is_tuple && tuple->items.empty()) {
      fail(line, fmt::format("Expected an expression, got '{}'", describe(current())));
    }
    ExprPtr target = is_tuple ? std::move(tuple) : std::move(tuple->items[0]);
    check_target(*target);
    return target;
  }

  ExprPtr parse_target_primary(bool with_namespace) {
    if (with_namespace && current().type == TokenType::name && look().is_op(".")) {
      const Token name = next();
      check_assignable(name);
      next();
      return std::make_unique<NamespaceRef>(name.line, name.text, expect(TokenType::name, "name").text);
    }
    if (current().type == TokenType::name) check_assignable(current());
    return parse_primary();
  }
};

}  // namespace

Body parse(std::string_view source, const Limits& limits) {
  if (source.size() > limits.template_bytes_max) {
    raise(FaultKind::limit, "a template must be at most {} bytes, got {}", limits.template_bytes_max, source.size());
  }
  return Parser(tokenize(source), limits).run();
}

}  // namespace mlxserving::text::jinja
