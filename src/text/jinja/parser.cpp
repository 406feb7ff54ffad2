#include "text/jinja/parser.h"

#include <algorithm>
#include <cstdlib>
#include <initializer_list>

#include "text/jinja/fault.h"
#include "text/jinja/lexer.h"

namespace mlxserving::text::jinja {
namespace {

using Words = std::initializer_list<std::string_view>;

class Parser {
 public:
  Parser(std::vector<Token> tokens, const Limits& limits) : tokens_(std::move(tokens)), limits_(limits) {}

  Body run() { return parse_body({}); }

 private:
  // Brackets, operators and blocks inside each other are bounded, because evaluation recurses over them.
  class Nesting {
   public:
    explicit Nesting(Parser& parser) : parser_(parser) { parser_.deepen(); }
    ~Nesting() { parser_.nesting_ -= levels_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;
    void deepen() {
      parser_.deepen();
      ++levels_;
    }

   private:
    Parser& parser_;
    int levels_ = 1;
  };

  void deepen() {
    if (nesting_ >= limits_.nesting_max) {
      Fault fault(FaultKind::limit, fmt::format("a template must be nested at most {} deep", limits_.nesting_max));
      fault.line = current().line;
      throw fault;
    }
    ++nesting_;
  }

  [[noreturn]] static void fail(int line, std::string message) {
    Fault fault(FaultKind::syntax_error, std::move(message));
    fault.line = line;
    throw fault;
  }

  // --- tokens

  const Token& current() const { return tokens_[at_]; }
  const Token& look() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  Token next() {
    const Token token = current();
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }
  bool is_op(std::string_view op) const { return current().is_op(op); }
  bool is_name(std::string_view name) const { return current().is_name(name); }
  bool skip_op(std::string_view op) {
    if (!is_op(op)) return false;
    next();
    return true;
  }
  bool skip_name(std::string_view name) {
    if (!is_name(name)) return false;
    next();
    return true;
  }
  [[noreturn]] void fail_expected(std::string_view what) const {
    if (current().type == TokenType::end) {
      fail(current().line, fmt::format("unexpected end of template, expected '{}'.", what));
    }
    fail(current().line, fmt::format("expected token '{}', got '{}'", what, describe(current())));
  }
  void expect_op(std::string_view op) {
    if (!skip_op(op)) fail_expected(op);
  }
  void expect_name(std::string_view name) {
    if (!skip_name(name)) fail_expected(name);
  }
  Token expect(TokenType type, std::string_view what) {
    if (current().type != type) fail_expected(what);
    return next();
  }

  // --- statements

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
    const size_t target_begin = at_;
    node->target = parse_assign_target(false, true);
    const size_t target_end = at_;
    at_ = target_begin;
    node->test_target = parse_assign_target(false, true);
    at_ = target_end;
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

  // --- expressions

  bool is_tuple_end(std::string_view extra_end) const {
    return current().type == TokenType::variable_end || current().type == TokenType::block_end || is_op(")") ||
           (!extra_end.empty() && is_name(extra_end));
  }

  // An expression, or a tuple without brackets.
  ExprPtr parse_tuple(bool with_conditional = true, std::string_view extra_end = {}, bool in_brackets = false) {
    const int line = current().line;
    auto tuple = std::make_unique<Items>(ExprKind::tuple, line);
    bool is_tuple = false;
    for (;;) {
      if (!tuple->items.empty() && !is_tuple) break;
      if (is_tuple_end(extra_end)) break;
      tuple->items.push_back(with_conditional ? parse_expression() : parse_or());
      if (!skip_op(",")) break;
      is_tuple = true;
    }
    if (is_tuple) return tuple;
    if (!tuple->items.empty()) return std::move(tuple->items[0]);
    if (!in_brackets) fail(current().line, fmt::format("Expected an expression, got '{}'", describe(current())));
    return tuple;
  }

  ExprPtr parse_expression() {
    Nesting nesting(*this);
    const int line = current().line;
    ExprPtr value = parse_or();
    while (skip_name("if")) {
      nesting.deepen();
      auto node = std::make_unique<Conditional>(line);
      node->test = parse_or();
      if (skip_name("else")) node->otherwise = parse_expression();
      node->then = std::move(value);
      value = std::move(node);
    }
    return value;
  }

  ExprPtr parse_logic(bool is_and) {
    const std::string_view word = is_and ? "and" : "or";
    const int line = current().line;
    ExprPtr first = is_and ? parse_not() : parse_logic(true);
    if (!is_name(word)) return first;
    auto node = std::make_unique<Logic>(line, is_and);
    node->operands.push_back(std::move(first));
    while (skip_name(word)) node->operands.push_back(is_and ? parse_not() : parse_logic(true));
    return node;
  }

  ExprPtr parse_or() { return parse_logic(false); }

  ExprPtr parse_not() {
    if (!is_name("not")) return parse_compare();
    const Nesting nesting(*this);
    const int line = next().line;
    return std::make_unique<Negation>(line, parse_not());
  }

  std::optional<Comparison> take_comparison() {
    static constexpr std::pair<std::string_view, Comparison> kOps[] = {{"==", Comparison::eq}, {"!=", Comparison::ne},
                                                                       {"<", Comparison::lt},  {"<=", Comparison::le},
                                                                       {">", Comparison::gt},  {">=", Comparison::ge}};
    for (const auto& [op, comparison] : kOps) {
      if (skip_op(op)) return comparison;
    }
    if (skip_name("in")) return Comparison::in;
    if (is_name("not") && look().is_name("in")) {
      next();
      next();
      return Comparison::not_in;
    }
    return std::nullopt;
  }

  ExprPtr parse_compare() {
    auto chain = std::make_unique<CompareChain>(current().line);
    chain->first = parse_sum();
    while (const auto op = take_comparison()) chain->rest.emplace_back(*op, parse_sum());
    if (chain->rest.empty()) return std::move(chain->first);
    return chain;
  }

  using Ops = std::initializer_list<std::pair<std::string_view, Arithmetic>>;

  template <typename Operand>
  ExprPtr parse_chain(Ops ops, Operand operand) {
    const auto find_op = [&] {
      return std::find_if(ops.begin(), ops.end(), [&](const auto& row) { return is_op(row.first); });
    };
    auto chain = std::make_unique<ArithmeticChain>(current().line);
    chain->first = operand();
    for (const auto* op = find_op(); op != ops.end(); op = find_op()) {
      next();
      chain->rest.emplace_back(op->second, operand());
    }
    if (chain->rest.empty()) return std::move(chain->first);
    return chain;
  }

  ExprPtr parse_sum() {
    return parse_chain({{"+", Arithmetic::add}, {"-", Arithmetic::sub}}, [this] { return parse_concat(); });
  }

  ExprPtr parse_concat() {
    const int line = current().line;
    ExprPtr first = parse_product();
    if (!is_op("~")) return first;
    auto node = std::make_unique<Concat>(line);
    node->parts.push_back(std::move(first));
    while (skip_op("~")) node->parts.push_back(parse_product());
    return node;
  }

  ExprPtr parse_product() {
    return parse_chain(
        {{"*", Arithmetic::mul}, {"/", Arithmetic::div}, {"//", Arithmetic::floordiv}, {"%", Arithmetic::mod}},
        [this] { return parse_power(); });
  }

  ExprPtr parse_power() {
    return parse_chain({{"**", Arithmetic::pow}}, [this] { return parse_unary(true); });
  }

  ExprPtr parse_unary(bool with_filters) {
    const Nesting nesting(*this);
    ExprPtr node;
    if (is_op("-") || is_op("+")) {
      const Token sign = next();
      node = std::make_unique<Unary>(sign.line, sign.text == "-", parse_unary(false));
    } else {
      node = parse_primary();
    }
    node = parse_postfix(std::move(node));
    return with_filters ? parse_filter_expression(std::move(node)) : std::move(node);
  }

  ExprPtr parse_primary() {
    const Token token = current();
    switch (token.type) {
      case TokenType::name: next(); return parse_name(token);
      case TokenType::string: return parse_string();
      case TokenType::integer: next(); return parse_integer_literal(token);
      case TokenType::real:
        next();
        return std::make_unique<Constant>(token.line, Value::real(std::strtod(token.text.c_str(), nullptr)));
      default: break;
    }
    if (is_op("(")) {
      next();
      ExprPtr value = parse_tuple(true, {}, true);
      expect_op(")");
      return value;
    }
    if (is_op("[")) return parse_list();
    if (is_op("{")) return parse_dict();
    fail(token.line, fmt::format("unexpected '{}'", describe(token)));
  }

  static ExprPtr parse_name(const Token& token) {
    const std::string& name = token.text;
    if (name == "true" || name == "True") return std::make_unique<Constant>(token.line, Value::boolean(true));
    if (name == "false" || name == "False") return std::make_unique<Constant>(token.line, Value::boolean(false));
    if (name == "none" || name == "None") return std::make_unique<Constant>(token.line, Value::none());
    return std::make_unique<Name>(token.line, name);
  }

  ExprPtr parse_string() {
    const int line = current().line;
    std::string bytes;
    while (current().type == TokenType::string) bytes += next().text;
    return std::make_unique<Constant>(line, Value::string(make_text(std::move(bytes), Trust::yes)));
  }

  ExprPtr parse_integer_literal(const Token& token) const {
    std::string_view digits = token.text;
    const char mark = static_cast<char>(digits.size() > 1 ? digits[1] | 0x20 : 0);
    const int base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;
    if (base != 10) digits.remove_prefix(2);
    if (digits.size() > limits_.integer_bits_max / 4) {
      fail(token.line, fmt::format("an integer must have at most {} bits", limits_.integer_bits_max));
    }
    return std::make_unique<Constant>(token.line, Value::integer(BigInteger::from_digits(digits, base)));
  }

  ExprPtr parse_list() {
    auto list = std::make_unique<Items>(ExprKind::list, next().line);
    while (!is_op("]")) {
      if (!list->items.empty()) expect_op(",");
      if (is_op("]")) break;
      list->items.push_back(parse_expression());
    }
    expect_op("]");
    return list;
  }

  ExprPtr parse_dict() {
    auto dict = std::make_unique<DictLiteral>(next().line);
    while (!is_op("}")) {
      if (!dict->items.empty()) expect_op(",");
      if (is_op("}")) break;
      ExprPtr key = parse_expression();
      expect_op(":");
      dict->items.emplace_back(std::move(key), parse_expression());
    }
    expect_op("}");
    return dict;
  }

  ExprPtr parse_postfix(ExprPtr node) {
    Nesting nesting(*this);
    for (;;) {
      if (is_op(".") || is_op("[")) {
        node = parse_subscript(std::move(node));
      } else if (is_op("(")) {
        node = parse_call(std::move(node));
      } else {
        return node;
      }
      nesting.deepen();
    }
  }

  ExprPtr parse_filter_expression(ExprPtr node) {
    Nesting nesting(*this);
    for (;;) {
      if (is_op("|")) {
        node = parse_filters(std::move(node), false);
      } else if (is_name("is")) {
        node = parse_test(std::move(node));
      } else if (is_op("(")) {
        node = parse_call(std::move(node));
      } else {
        return node;
      }
      nesting.deepen();
    }
  }

  ExprPtr parse_subscript(ExprPtr object) {
    const Token token = next();
    if (token.is_op(".")) {
      const Token name = next();
      if (name.type == TokenType::name) return std::make_unique<Attribute>(token.line, std::move(object), name.text);
      if (name.type != TokenType::integer) fail(name.line, "expected name or number");
      return std::make_unique<Item>(token.line, std::move(object), parse_integer_literal(name));
    }
    auto keys = std::make_unique<Items>(ExprKind::tuple, token.line);
    bool has_slice = false;
    while (!is_op("]")) {
      if (!keys->items.empty()) expect_op(",");
      keys->items.push_back(parse_subscribed());
      has_slice = has_slice || keys->items.back()->kind == ExprKind::slice;
    }
    next();
    if (keys->items.size() == 1) {
      return std::make_unique<Item>(token.line, std::move(object), std::move(keys->items[0]));
    }
    if (has_slice) fail(token.line, "a slice must stand alone in a subscript");
    return std::make_unique<Item>(token.line, std::move(object), std::move(keys));
  }

  ExprPtr parse_subscribed() {
    const int line = current().line;
    ExprPtr start;
    if (!is_op(":")) {
      start = parse_expression();
      if (!is_op(":")) return start;
    }
    next();
    auto slice = std::make_unique<Slice>(line);
    slice->start = std::move(start);
    const auto is_end = [this] { return is_op(":") || is_op("]") || is_op(","); };
    if (!is_end()) slice->stop = parse_expression();
    if (skip_op(":") && !(is_op("]") || is_op(","))) slice->step = parse_expression();
    return slice;
  }

  void parse_arguments(CallArguments& arguments) {
    const int line = current().line;
    expect_op("(");
    const auto ensure = [line](bool allowed) {
      if (!allowed) fail(line, "invalid syntax for function call expression");
    };
    for (bool is_first = true; !is_op(")"); is_first = false) {
      if (!is_first) {
        expect_op(",");
        if (is_op(")")) break;
      }
      if (skip_op("*")) {
        ensure(!arguments.rest_positional && !arguments.rest_named);
        arguments.rest_positional = parse_expression();
      } else if (skip_op("**")) {
        ensure(!arguments.rest_named);
        arguments.rest_named = parse_expression();
      } else if (current().type == TokenType::name && look().is_op("=")) {
        ensure(!arguments.rest_named);
        add_named(arguments);
      } else {
        ensure(!arguments.rest_positional && !arguments.rest_named && arguments.named.empty());
        arguments.positional.push_back(parse_expression());
      }
    }
    expect_op(")");
  }

  void add_named(CallArguments& arguments) {
    const Token name = next();
    next();
    for (const auto& [other, value] : arguments.named) {
      if (other == name.text) fail(name.line, fmt::format("keyword argument repeated: {}", name.text));
    }
    arguments.named.emplace_back(name.text, parse_expression());
  }

  ExprPtr parse_call(ExprPtr function) {
    auto node = std::make_unique<Call>(current().line);
    node->function = std::move(function);
    parse_arguments(node->arguments);
    return node;
  }

  std::string parse_dotted_name() {
    std::string name = expect(TokenType::name, "name").text;
    while (skip_op(".")) name += "." + expect(TokenType::name, "name").text;
    return name;
  }

  // |a|b(c): a chain of filters on `node`, which may be null.
  ExprPtr parse_filters(ExprPtr node, bool starts_inline) {
    Nesting nesting(*this);
    while (is_op("|") || starts_inline) {
      if (!starts_inline) next();
      starts_inline = false;
      nesting.deepen();
      auto filter = std::make_unique<Applied>(ExprKind::filter, current().line);
      filter->name = parse_dotted_name();
      filter->subject = std::move(node);
      if (is_op("(")) parse_arguments(filter->arguments);
      node = std::move(filter);
    }
    return node;
  }

  ExprPtr parse_test(ExprPtr node) {
    const int line = next().line;
    const bool is_negated = skip_name("not");
    auto test = std::make_unique<Applied>(ExprKind::test, line);
    test->name = parse_dotted_name();
    test->subject = std::move(node);
    if (is_op("(")) {
      parse_arguments(test->arguments);
    } else if (starts_argument()) {
      if (is_name("is")) fail(current().line, "You cannot chain multiple tests with is");
      test->arguments.positional.push_back(parse_postfix(parse_primary()));
    }
    if (!is_negated) return test;
    return std::make_unique<Negation>(line, std::move(test));
  }

  bool starts_argument() const {
    switch (current().type) {
      case TokenType::string:
      case TokenType::integer:
      case TokenType::real: return true;
      case TokenType::name: return !is_name("else") && !is_name("or") && !is_name("and");
      default: return is_op("[") || is_op("{");
    }
  }

  std::vector<Token> tokens_;
  const Limits& limits_;
  size_t at_ = 0;
  int nesting_ = 0;
};

}  // namespace

Body parse(std::string_view source, const Limits& limits) {
  if (source.size() > limits.template_bytes_max) {
    raise(FaultKind::limit, "a template must be at most {} bytes, got {}", limits.template_bytes_max, source.size());
  }
  return Parser(tokenize(source), limits).run();
}

}  // namespace mlxserving::text::jinja
