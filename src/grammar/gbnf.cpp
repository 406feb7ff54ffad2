#include "grammar/gbnf.h"

#include "core/result.h"
#include "core/utf8.h"
#include "grammar/char_set.h"
#include "grammar/notation_reader.h"

namespace mlxserving::grammar {
namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

class GbnfParser final : NotationReader {
 public:
  GbnfParser(std::string_view text, RegexPool& pool, const RuleLimits& limits)
      : NotationReader(text), pool_(pool), limits_(limits) {}

  Result<RuleSet> parse() {
    RuleSet result{.rules = {}, .start = "root"};
    skip_space();
    while (at_ < text_.size()) {
      const std::string name = word();
      skip_space();
      if (name.empty() || !take("::=")) return refuse("expected a rule, name ::= ...");
      skip_space();
      MLXS_TRY(auto body, choice(0));
      if (!result.rules.emplace(name, std::move(body)).second) return refuse("rule " + name + " is defined twice");
      if (result.rules.size() > limits_.rules_max) return refuse("too many rules");
    }
    return result;
  }

 private:
  Error refuse(const std::string& what) const override {
    return fail(ErrorCode::invalid_request, "grammar", "{} at byte {} of the grammar", what, at_);
  }
  void skip_space() override {
    while (at_ < text_.size()) {
      if (is_at("#")) {
        while (at_ < text_.size() && !is_at("\n")) ++at_;
      } else if (is_at(" ") || is_at("\t") || is_at("\n") || is_at("\r")) {
        ++at_;
      } else {
        return;
      }
    }
  }
  std::string word() {
    const size_t start = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    return std::string(text_.substr(start, at_ - start));
  }
  // Line ends do not matter: a rule ends where the next begins.
  bool is_at_rule() {
    const size_t start = at_;
    const bool is_rule = !word().empty() && (skip_space(), take("::="));
    at_ = start;
    return is_rule;
  }

  Result<Expression> choice(int depth) {
    if (depth > limits_.depth_max) return refuse("groups nest too deep");
    std::vector<Expression> branches;
    do {
      skip_space();
      MLXS_TRY(auto branch, sequence(depth));
      branches.push_back(std::move(branch));
      skip_space();
    } while (take("|"));
    if (branches.size() == 1) return std::move(branches.front());
    return Expression::any(std::move(branches));
  }

  Result<Expression> sequence(int depth) {
    std::vector<Expression> parts;
    while (at_ < text_.size() && !is_at("|") && !is_at(")") && !is_at_rule()) {
      MLXS_TRY(auto part, atom(depth));
      MLXS_TRY(auto repeated, quantified(std::move(part)));
      parts.push_back(std::move(repeated));
      skip_space();
    }
    return Expression::all(std::move(parts));
  }

  Result<Expression> quantified(Expression part) {
    while (true) {
      if (take("*")) {
        part = Expression::times(std::move(part), 0, kUnbounded);
      } else if (take("+")) {
        part = Expression::times(std::move(part), 1, kUnbounded);
      } else if (take("?")) {
        part = Expression::times(std::move(part), 0, 1);
      } else if (take("{")) {
        MLXS_TRY(part, repeated(std::move(part), ",", "}"));
      } else {
        return part;
      }
    }
  }

  Result<Expression> atom(int depth) {
    if (take("(")) {
      MLXS_TRY(auto inner, choice(depth + 1));
      if (!take(")")) return refuse("missing )");
      return inner;
    }
    if (take("\"")) return literal();
    if (take("[")) return char_class();
    if (take(".")) return Expression::of(spell(pool_, CharSet::all(), Spelling::utf8));
    std::string name = word();
    if (name.empty()) return refuse("unexpected character");
    return Expression::to(std::move(name));
  }

  Result<char32_t> character() {
    if (!take("\\")) {
      if (at_ >= text_.size()) return refuse("unexpected end");
      const auto decoded = utf8::decode(text_.substr(at_));
      if (!decoded.valid) return refuse("invalid UTF-8");
      at_ += decoded.bytes;
      return decoded.code_point;
    }
    if (at_ >= text_.size()) return refuse("unexpected end");
    const char c = text_[at_++];
    switch (c) {
      case 'n': return U'\n';
      case 'r': return U'\r';
      case 't': return U'\t';
      case 'x': return hex(2);
      case 'u': return hex(4);
      case 'U': return hex(8);
      default: break;
    }
    static constexpr std::string_view kThemselves = "\\\"[]-^";
    if (kThemselves.find(c) == std::string_view::npos) return refuse("unknown escape");
    return static_cast<char32_t>(c);
  }

  Result<Expression> literal() {
    std::string value;
    while (!take("\"")) {
      MLXS_TRY(const char32_t c, character());
      utf8::append(value, c);
    }
    return Expression::of(pool_.literal(value));
  }

  Result<Expression> char_class() {
    const bool is_negative = take("^");
    CharSet set;
    while (!take("]")) {
      MLXS_TRY(const char32_t low, character());
      char32_t high = low;
      if (is_at("-") && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
        take("-");
        MLXS_TRY(high, character());
      }
      if (high < low) return refuse("class range out of order");
      set.add(low, high);
    }
    if (is_negative) set.negate();
    return Expression::of(spell(pool_, set, Spelling::utf8));
  }

  RegexPool& pool_;
  const RuleLimits& limits_;
};

}  // namespace

Result<RuleSet> parse_gbnf(std::string_view text, RegexPool& pool, const RuleLimits& limits) {
  if (text.size() > limits.bytes_max) {
    return fail(ErrorCode::resource_exhausted, "grammar", "a grammar has at most {} bytes, this one {}",
                limits.bytes_max, text.size());
  }
  return GbnfParser(text, pool, limits).parse();
}

}  // namespace mlxserving::grammar
