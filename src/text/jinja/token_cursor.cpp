#include "text/jinja/token_cursor.h"

#include "text/jinja/fault.h"

namespace mlxserving::text::jinja {

Token TokenCursor::next() {
  const Token token = current();
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

bool TokenCursor::skip_op(std::string_view op) {
  if (!is_op(op)) return false;
  next();
  return true;
}

bool TokenCursor::skip_name(std::string_view name) {
  if (!is_name(name)) return false;
  next();
  return true;
}

void TokenCursor::expect_op(std::string_view op) {
  if (!skip_op(op)) fail_expected(op);
}

void TokenCursor::expect_name(std::string_view name) {
  if (!skip_name(name)) fail_expected(name);
}

Token TokenCursor::expect(TokenType type, std::string_view what) {
  if (current().type != type) fail_expected(what);
  return next();
}

void TokenCursor::fail_expected(std::string_view what) const {
  if (current().type == TokenType::end) {
    fail(current().line, fmt::format("unexpected end of template, expected '{}'.", what));
  }
  fail(current().line, fmt::format("expected token '{}', got '{}'", what, describe(current())));
}

void TokenCursor::fail(int line, std::string message) {
  Fault fault(FaultKind::syntax_error, std::move(message));
  fault.line = line;
  throw fault;
}

void TokenCursor::deepen() {
  if (nesting_ >= limits_.nesting_max) {
    Fault fault(FaultKind::limit, fmt::format("a template must be nested at most {} deep", limits_.nesting_max));
    fault.line = current().line;
    throw fault;
  }
  ++nesting_;
}

}  // namespace mlxserving::text::jinja
