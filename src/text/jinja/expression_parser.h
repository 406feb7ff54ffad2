// Expressions of a template: Jinja 3.1's precedences, by recursive descent.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "text/jinja/ast.h"
#include "text/jinja/token_cursor.h"

namespace mlxserving::text::jinja {

// Each parse_ function begins at the current token and leaves the first one that it does not take.
class ExpressionParser : protected TokenCursor {
 public:
  using TokenCursor::TokenCursor;

 protected:
  bool is_tuple_end(std::string_view extra_end) const;
  // An expression, or a tuple without brackets.
  ExprPtr parse_tuple(bool with_conditional = true, std::string_view extra_end = {}, bool in_brackets = false);
  ExprPtr parse_expression();
  ExprPtr parse_primary();
  ExprPtr parse_call(ExprPtr function);
  // |a|b(c): a chain of filters on `node`, which may be null.
  ExprPtr parse_filters(ExprPtr node, bool starts_inline);

 private:
  ExprPtr parse_logic(bool is_and);
  ExprPtr parse_or();
  ExprPtr parse_not();
  std::optional<Comparison> take_comparison();
  ExprPtr parse_compare();
  using Ops = std::initializer_list<std::pair<std::string_view, Arithmetic>>;
  template <typename Operand>
  ExprPtr parse_chain(Ops ops, Operand operand);
  ExprPtr parse_sum();
  ExprPtr parse_concat();
  ExprPtr parse_product();
  ExprPtr parse_power();
  ExprPtr parse_unary(bool with_filters);
  static ExprPtr parse_name(const Token& token);
  ExprPtr parse_string();
  ExprPtr parse_integer_literal(const Token& token) const;
  ExprPtr parse_list();
  ExprPtr parse_dict();
  ExprPtr parse_postfix(ExprPtr node);
  ExprPtr parse_filter_expression(ExprPtr node);
  ExprPtr parse_subscript(ExprPtr object);
  ExprPtr parse_subscribed();
  void parse_arguments(CallArguments& arguments);
  void add_named(CallArguments& arguments);
  std::string parse_dotted_name();
  ExprPtr parse_test(ExprPtr node);
  bool starts_argument() const;
};

}  // namespace mlxserving::text::jinja
