// Where a parser stands in the tokens of a template, and how deep: what expressions and statements share.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/lexer.h"
#include "text/jinja/limits.h"

namespace mlxserving::text::jinja {

// Faults thrown here carry the line of the current token.
class TokenCursor {
 public:
  TokenCursor(std::vector<Token> tokens, const Limits& limits) : tokens_(std::move(tokens)), limits_(limits) {}

 protected:
  // Brackets, operators and blocks inside each other are bounded, because evaluation recurses over them.
  class Nesting {
   public:
    explicit Nesting(TokenCursor& cursor) : cursor_(cursor) { cursor_.deepen(); }
    ~Nesting() { cursor_.nesting_ -= levels_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;
    void deepen() {
      cursor_.deepen();
      ++levels_;
    }

   private:
    TokenCursor& cursor_;
    int levels_ = 1;
  };

  const Limits& limits() const { return limits_; }
  const Token& current() const { return tokens_[at_]; }
  const Token& look() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  Token next();
  size_t position() const { return at_; }
  void return_to(size_t position) { at_ = position; }
  bool is_op(std::string_view op) const { return current().is_op(op); }
  bool is_name(std::string_view name) const { return current().is_name(name); }
  bool skip_op(std::string_view op);
  bool skip_name(std::string_view name);

  void expect_op(std::string_view op);
  void expect_name(std::string_view name);
  Token expect(TokenType type, std::string_view what);
  [[noreturn]] void fail_expected(std::string_view what) const;
  [[noreturn]] static void fail(int line, std::string message);

 private:
  void deepen();

  std::vector<Token> tokens_;
  const Limits& limits_;
  size_t at_ = 0;
  int nesting_ = 0;
};

}  // namespace mlxserving::text::jinja
