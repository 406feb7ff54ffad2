#include "text/jinja/expression_parser.h"

#include <algorithm>
#include <cstdlib>

#include "text/jinja/fault.h"

namespace mlxserving::text::jinja {

bool ExpressionParser::is_tuple_end(std::string_view extra_end) const {
  return current().type == TokenType::variable_end || current().type == TokenType::block_end || is_op(")") ||
         (!extra_end.empty() && is_name(extra_end));
}

ExprPtr ExpressionParser::parse_tuple(bool with_conditional, std::string_view extra_end, bool in_brackets) {
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

ExprPtr ExpressionParser::parse_expression() {
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

ExprPtr ExpressionParser::parse_logic(bool is_and) {
  const std::string_view word = is_and ? "and" : "or";
  const int line = current().line;
  ExprPtr first = is_and ? parse_not() : parse_logic(true);
  if (!is_name(word)) return first;
  auto node = std::make_unique<Logic>(line, is_and);
  node->operands.push_back(std::move(first));
  while (skip_name(word)) node->operands.push_back(is_and ? parse_not() : parse_logic(true));
  return node;
}

ExprPtr ExpressionParser::parse_or() { return parse_logic(false); }

ExprPtr ExpressionParser::parse_not() {
  if (!is_name("not")) return parse_compare();
  const Nesting nesting(*this);
  const int line = next().line;
  return std::make_unique<Negation>(line, parse_not());
}

std::optional<Comparison> ExpressionParser::take_comparison() {
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

ExprPtr ExpressionParser::parse_compare() {
  auto chain = std::make_unique<CompareChain>(current().line);
  chain->first = parse_sum();
  while (const auto op = take_comparison()) chain->rest.emplace_back(*op, parse_sum());
  if (chain->rest.empty()) return std::move(chain->first);
  return chain;
}

template <typename Operand>
ExprPtr ExpressionParser::parse_chain(Ops ops, Operand operand) {
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

ExprPtr ExpressionParser::parse_sum() {
  return parse_chain({{"+", Arithmetic::add}, {"-", Arithmetic::sub}}, [this] { return parse_concat(); });
}

ExprPtr ExpressionParser::parse_concat() {
  const int line = current().line;
  ExprPtr first = parse_product();
  if (!is_op("~")) return first;
  auto node = std::make_unique<Concat>(line);
  node->parts.push_back(std::move(first));
  while (skip_op("~")) node->parts.push_back(parse_product());
  return node;
}

ExprPtr ExpressionParser::parse_product() {
  return parse_chain(
      {{"*", Arithmetic::mul}, {"/", Arithmetic::div}, {"//", Arithmetic::floordiv}, {"%", Arithmetic::mod}},
      [this] { return parse_power(); });
}

ExprPtr ExpressionParser::parse_power() {
  return parse_chain({{"**", Arithmetic::pow}}, [this] { return parse_unary(true); });
}

ExprPtr ExpressionParser::parse_unary(bool with_filters) {
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

ExprPtr ExpressionParser::parse_primary() {
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

ExprPtr ExpressionParser::parse_name(const Token& token) {
  const std::string& name = token.text;
  if (name == "true" || name == "True") return std::make_unique<Constant>(token.line, Value::boolean(true));
  if (name == "false" || name == "False") return std::make_unique<Constant>(token.line, Value::boolean(false));
  if (name == "none" || name == "None") return std::make_unique<Constant>(token.line, Value::none());
  return std::make_unique<Name>(token.line, name);
}

ExprPtr ExpressionParser::parse_string() {
  const int line = current().line;
  std::string bytes;
  while (current().type == TokenType::string) bytes += next().text;
  return std::make_unique<Constant>(line, Value::string(make_text(std::move(bytes), Trust::yes)));
}

ExprPtr ExpressionParser::parse_integer_literal(const Token& token) const {
  std::string_view digits = token.text;
  const char mark = static_cast<char>(digits.size() > 1 ? digits[1] | 0x20 : 0);
  const int base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;
  if (base != 10) digits.remove_prefix(2);
  if (digits.size() > limits().integer_bits_max / 4) {
    fail(token.line, fmt::format("an integer must have at most {} bits", limits().integer_bits_max));
  }
  return std::make_unique<Constant>(token.line, Value::integer(BigInteger::from_digits(digits, base)));
}

ExprPtr ExpressionParser::parse_list() {
  auto list = std::make_unique<Items>(ExprKind::list, next().line);
  while (!is_op("]")) {
    if (!list->items.empty()) expect_op(",");
    if (is_op("]")) break;
    list->items.push_back(parse_expression());
  }
  expect_op("]");
  return list;
}

ExprPtr ExpressionParser::parse_dict() {
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

ExprPtr ExpressionParser::parse_postfix(ExprPtr node) {
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

ExprPtr ExpressionParser::parse_filter_expression(ExprPtr node) {
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

ExprPtr ExpressionParser::parse_subscript(ExprPtr object) {
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

ExprPtr ExpressionParser::parse_subscribed() {
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

void ExpressionParser::parse_arguments(CallArguments& arguments) {
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

void ExpressionParser::add_named(CallArguments& arguments) {
  const Token name = next();
  next();
  for (const auto& [other, value] : arguments.named) {
    if (other == name.text) fail(name.line, fmt::format("keyword argument repeated: {}", name.text));
  }
  arguments.named.emplace_back(name.text, parse_expression());
}

ExprPtr ExpressionParser::parse_call(ExprPtr function) {
  auto node = std::make_unique<Call>(current().line);
  node->function = std::move(function);
  parse_arguments(node->arguments);
  return node;
}

std::string ExpressionParser::parse_dotted_name() {
  std::string name = expect(TokenType::name, "name").text;
  while (skip_op(".")) name += "." + expect(TokenType::name, "name").text;
  return name;
}

ExprPtr ExpressionParser::parse_filters(ExprPtr node, bool starts_inline) {
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

ExprPtr ExpressionParser::parse_test(ExprPtr node) {
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

bool ExpressionParser::starts_argument() const {
  switch (current().type) {
    case TokenType::string:
    case TokenType::integer:
    case TokenType::real: return true;
    case TokenType::name: return !is_name("else") && !is_name("or") && !is_name("and");
    default: return is_op("[") || is_op("{");
  }
}

}  // namespace mlxserving::text::jinja
