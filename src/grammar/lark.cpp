#include "grammar/lark.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "core/result.h"
#include "core/utf8.h"
#include "grammar/char_set.h"
#include "grammar/notation_reader.h"
#include "grammar/pattern.h"

namespace mlxserving::grammar {
namespace {

constexpr const char* kIgnored = "%ignore";  // the rule of what may stand between terminals

struct CommonTerminal {
  std::string_view name, pattern;
};

// Lark's module `common`.
constexpr std::array kCommon = {
    CommonTerminal{"DIGIT", "[0-9]"},
    CommonTerminal{"HEXDIGIT", "[a-fA-F0-9]"},
    CommonTerminal{"INT", "[0-9]+"},
    CommonTerminal{"SIGNED_INT", "[+-]?[0-9]+"},
    CommonTerminal{"DECIMAL", "(?:[0-9]+\\.[0-9]*|\\.[0-9]+)"},
    CommonTerminal{"FLOAT", "(?:[0-9]+[eE][+-]?[0-9]+|(?:[0-9]+\\.[0-9]*|\\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"},
    CommonTerminal{"SIGNED_FLOAT", "[+-]?(?:[0-9]+[eE][+-]?[0-9]+|(?:[0-9]+\\.[0-9]*|\\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"},
    CommonTerminal{"NUMBER", "(?:[0-9]+(?:\\.[0-9]*)?|\\.[0-9]+)(?:[eE][+-]?[0-9]+)?"},
    CommonTerminal{"SIGNED_NUMBER", "[+-]?(?:[0-9]+(?:\\.[0-9]*)?|\\.[0-9]+)(?:[eE][+-]?[0-9]+)?"},
    CommonTerminal{"ESCAPED_STRING", "\"(?:[^\"\\\\\\n]|\\\\[^\\n])*\""},
    CommonTerminal{"LCASE_LETTER", "[a-z]"},
    CommonTerminal{"UCASE_LETTER", "[A-Z]"},
    CommonTerminal{"LETTER", "[A-Za-z]"},
    CommonTerminal{"WORD", "[A-Za-z]+"},
    CommonTerminal{"CNAME", "[_A-Za-z][_A-Za-z0-9]*"},
    CommonTerminal{"WS_INLINE", "[ \\t]+"},
    CommonTerminal{"WS", "[ \\t\\f\\r\\n]+"},
    CommonTerminal{"CR", "\\r"},
    CommonTerminal{"LF", "\\n"},
    CommonTerminal{"NEWLINE", "(?:\\r?\\n)+"},
    CommonTerminal{"SH_COMMENT", "#[^\\n]*"},
    CommonTerminal{"CPP_COMMENT", "//[^\\n]*"},
    CommonTerminal{"SQL_COMMENT", "--[^\\n]*"},
    CommonTerminal{"C_COMMENT", "/\\*(?:[^*]|\\*+[^*/])*\\*+/"},
};

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_terminal_name(std::string_view name) {
  const size_t letter = name.find_first_not_of('_');
  return letter != std::string_view::npos && name[letter] >= 'A' && name[letter] <= 'Z';
}

struct Template {
  std::vector<std::string> parameters;
  Expression body;
};

// Replaces the names of parameters by arguments.
Expression with_arguments(const Expression& e, const std::map<std::string, Expression>& arguments) {
  if (e.kind == Expression::Kind::name) {
    const auto found = arguments.find(e.name);
    return found == arguments.end() ? e : found->second;
  }
  Expression result = e;
  for (Expression& part : result.parts) part = with_arguments(part, arguments);
  return result;
}

class LarkParser final : NotationReader {
 public:
  LarkParser(std::string_view text, RegexPool& pool, const RuleLimits& limits)
      : NotationReader(text), pool_(pool), limits_(limits) {}

  Result<RuleSet> parse() {
    skip_space();
    while (at_ < text_.size()) {
      MLXS_CHECKED(is_at("%") ? directive() : definition());
      skip_space();
    }
    if (!rules_.rules.contains("start")) return refuse("there is no rule start");
    rules_.rules.emplace(kIgnored, Expression::times(Expression::any(std::move(ignored_)), 0, kUnbounded));
    // What is ignored may also stand behind the last terminal.
    rules_.rules.emplace("%text", Expression::all({Expression::to("start"), Expression::to(kIgnored)}));
    rules_.start = "%text";
    return std::move(rules_);
  }

 private:
  Error refuse(const std::string& what) const override {
    const auto line = 1 + std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(at_), '\n');
    return fail(ErrorCode::invalid_request, "lark", "{} in line {} of the grammar", what, line);
  }
  void skip_space() override {
    while (at_ < text_.size()) {
      if (is_at("//") || is_at("#")) {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      } else if (static_cast<unsigned char>(text_[at_]) <= ' ') {
        ++at_;
      } else {
        return;
      }
    }
  }
  bool take_word(std::string& out) {
    const size_t begin = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    out = std::string(text_.substr(begin, at_ - begin));
    return !out.empty();
  }

  Result<void> add_rule(const std::string& name, Expression body) {
    if (!rules_.rules.emplace(name, std::move(body)).second) return refuse(name + " is defined twice");
    if (rules_.rules.size() > limits_.rules_max) return refuse("too many rules");
    return {};
  }

  // --- %import, %ignore

  Result<void> directive() {
    if (take("%ignore")) {
      skip_space();
      in_terminal_ = true;
      MLXS_TRY(auto what, choice(0));
      ignored_.push_back(std::move(what));
      return {};
    }
    if (take("%import")) return import();
    if (take("%llguidance")) {  // a header that other engines ask for
      while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      return {};
    }
    return refuse("only %import common and %ignore are supported of the directives");
  }

  Result<void> import() {
    skip_space();
    if (!take("common")) return refuse("only the module common can be imported");
    if (take(".")) return import_one();
    skip_space();
    if (!take("(")) return refuse("expected common.NAME or common (NAME, ...)");
    do {
      skip_space();
      MLXS_CHECKED(import_one());
      skip_space();
    } while (take(","));
    return take(")") ? Result<void>() : refuse("missing )");
  }

  Result<void> import_one() {
    std::string name;
    take_word(name);
    const auto found = std::ranges::find(kCommon, std::string_view(name), &CommonTerminal::name);
    if (found == kCommon.end()) return refuse("common has no terminal " + name);
    skip_space();
    std::string alias = name;
    if (take("->")) {
      skip_space();
      if (!take_word(alias)) return refuse("expected a name after ->");
    }
    MLXS_TRY(const RegexId regex, parse_pattern(pool_, found->pattern, {.is_search = false}));
    return add_rule(alias, Expression::of(regex));
  }

  // --- Rules and terminals

  Result<void> definition() {
    while (take("?") || take("!")) {
    }
    std::string name;
    if (!take_word(name)) return refuse("expected the name of a rule or a terminal");
    Template made;
    if (take("{")) {
      MLXS_TRY(made.parameters, parameters());
    }
    priority();
    skip_space();
    if (!take(":")) return refuse("expected : after " + name);
    in_terminal_ = is_terminal_name(name);
    MLXS_TRY(auto body, choice(0));
    if (made.parameters.empty()) return add_rule(name, std::move(body));
    made.body = std::move(body);
    if (!templates_.emplace(name, std::move(made)).second) return refuse(name + " is defined twice");
    return {};
  }

  void priority() {
    if (!is_at(".")) return;
    ++at_;
    take("-");
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
  }

  Result<std::vector<std::string>> parameters() {
    std::vector<std::string> names;
    do {
      skip_space();
      if (!take_word(names.emplace_back())) return refuse("expected the name of a parameter");
      skip_space();
    } while (take(","));
    if (!take("}")) return refuse("missing }");
    return names;
  }

  // A definition ends where the next begins.
  bool is_at_definition() {
    const size_t begin = at_;
    while (take("?") || take("!")) {
    }
    std::string name;
    bool is_definition = take_word(name);
    if (is_definition && take("{")) {
      while (at_ < text_.size() && text_[at_] != '}' && text_[at_] != '\n') ++at_;
      take("}");
    }
    priority();
    skip_space();
    is_definition = is_definition && is_at(":");
    at_ = begin;
    return is_definition;
  }

  bool is_at_end() {
    return at_ >= text_.size() || is_at("|") || is_at(")") || is_at("]") || is_at("}") || is_at(",") || is_at("%") ||
           is_at("->") || is_at_definition();
  }

  Result<Expression> choice(int depth) {
    if (depth > limits_.depth_max) return refuse("groups nest too deep");
    std::vector<Expression> branches;
    do {
      skip_space();
      priority();
      skip_space();
      MLXS_TRY(auto branch, sequence(depth));
      branches.push_back(std::move(branch));
      skip_space();
      if (take("->")) {
        skip_space();
        std::string alias;
        if (!take_word(alias)) return refuse("expected a name after ->");
        skip_space();
      }
    } while (take("|"));
    if (branches.size() == 1) return std::move(branches.front());
    return Expression::any(std::move(branches));
  }

  Result<Expression> sequence(int depth) {
    std::vector<Expression> parts;
    while (!is_at_end()) {
      MLXS_TRY(auto part, atom(depth));
      MLXS_TRY(auto repeated, quantified(std::move(part)));
      parts.push_back(std::move(repeated));
      skip_space();
    }
    return Expression::all(std::move(parts));
  }

  bool take_tilde() {
    const size_t begin = at_;
    while (is_at(" ")) ++at_;
    if (take("~")) return true;
    at_ = begin;
    return false;
  }

  Result<Expression> quantified(Expression part) {
    while (at_ < text_.size()) {
      if (take("*")) {
        part = Expression::times(std::move(part), 0, kUnbounded);
      } else if (take("+")) {
        part = Expression::times(std::move(part), 1, kUnbounded);
      } else if (is_at("?") && !is_at_definition()) {
        take("?");
        part = Expression::times(std::move(part), 0, 1);
      } else if (take_tilde()) {
        MLXS_TRY(part, repeated(std::move(part), "..", ""));
      } else if (is_at("{")) {
        take("{");
        MLXS_TRY(part, repeated(std::move(part), ",", "}"));
      } else {
        return part;
      }
    }
    return part;
  }

  // A terminal as it stands in a rule: what is ignored may come before it.
  Expression terminal(Expression what) const {
    if (in_terminal_) return what;
    return Expression::all({Expression::to(kIgnored), std::move(what)});
  }

  Result<Expression> atom(int depth) {
    if (take("(")) {
      MLXS_TRY(auto inner, choice(depth + 1));
      return take(")") ? Result<Expression>(std::move(inner)) : refuse("missing )");
    }
    if (take("[")) {
      MLXS_TRY(auto inner, choice(depth + 1));
      if (!take("]")) return refuse("missing ]");
      return Expression::times(std::move(inner), 0, 1);
    }
    if (is_at("\"")) return string_or_range();
    if (is_at("/")) return regex();
    std::string name;
    if (!take_word(name)) return refuse(std::string("unexpected ") + text_[at_]);
    if (is_at("{") && at_ + 1 < text_.size() && !is_digit(text_[at_ + 1]) && text_[at_ + 1] != ',')
      return use_template(name, depth);
    return is_terminal_name(name) ? terminal(Expression::to(std::move(name))) : Expression::to(std::move(name));
  }

  Result<Expression> use_template(const std::string& name, int depth) {
    const size_t begin = at_;
    take("{");
    std::vector<Expression> arguments;
    do {
      skip_space();
      MLXS_TRY(auto argument, choice(depth + 1));
      arguments.push_back(std::move(argument));
      skip_space();
    } while (take(","));
    if (!take("}")) return refuse("missing }");
    const auto found = templates_.find(name);
    if (found == templates_.end()) return refuse("template " + name + " is not defined before its use");
    if (found->second.parameters.size() != arguments.size())
      return refuse(fmt::format("template {} takes {} arguments", name, found->second.parameters.size()));
    std::map<std::string, Expression> by_name;
    for (size_t i = 0; i < arguments.size(); ++i) by_name.emplace(found->second.parameters[i], arguments[i]);
    const std::string instance = name + std::string(text_.substr(begin, at_ - begin));
    if (!rules_.rules.contains(instance)) MLXS_CHECKED(add_rule(instance, with_arguments(found->second.body, by_name)));
    return Expression::to(instance);
  }

  // --- Literals

  Result<std::string> string() {
    take("\"");
    std::string value;
    while (!take("\"")) {
      if (at_ >= text_.size() || text_[at_] == '\n') return refuse("unterminated string");
      if (!take("\\")) {
        value += text_[at_++];
        continue;
      }
      if (at_ >= text_.size()) return refuse("unterminated string");
      const char c = text_[at_++];
      static constexpr std::string_view kLetters = "nrtfv0", kControls("\n\r\t\f\v\0", 6);
      if (const size_t control = kLetters.find(c); control != std::string_view::npos) {
        value += kControls[control];
      } else if (c == 'x' || c == 'u' || c == 'U') {
        MLXS_TRY(const char32_t point, hex(c == 'x' ? 2 : c == 'u' ? 4 : 8));
        utf8::append(value, point);
      } else {
        value += c;
      }
    }
    if (!utf8::is_valid(value)) return refuse("invalid UTF-8");
    return value;
  }

  Result<Expression> string_or_range() {
    MLXS_TRY(const std::string first, string());
    if (take("..")) {
      MLXS_TRY(const std::string last, string());
      const auto low = utf8::decode(first), high = utf8::decode(last);
      if (low.bytes != first.size() || high.bytes != last.size() || low.code_point > high.code_point)
        return refuse("a range has one character on either side, the lower first");
      return terminal(Expression::of(spell(pool_, CharSet().add(low.code_point, high.code_point), Spelling::utf8)));
    }
    if (first.empty()) return Expression::of(kEmptyText);
    if (!take("i")) return terminal(Expression::of(pool_.literal(first)));
    RegexId result = kEmptyText;
    for (size_t at = first.size(); at-- > 0;) {
      const auto byte = static_cast<uint8_t>(first[at]);
      const bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
      ByteSet set = ByteSet::range(byte, byte);
      if (is_letter) set.add(byte ^ 0x20);
      result = pool_.concat(pool_.bytes(set), result);
    }
    return terminal(Expression::of(result));
  }

  Result<Expression> regex() {
    take("/");
    const size_t begin = at_;
    while (at_ < text_.size() && text_[at_] != '/' && text_[at_] != '\n') at_ += text_[at_] == '\\' ? 2 : 1;
    if (at_ >= text_.size() || text_[at_] != '/') return refuse("unterminated regular expression");
    const std::string_view pattern = text_.substr(begin, at_ - begin);
    take("/");
    PatternOptions options{.is_search = false};
    for (; at_ < text_.size() && std::string_view("imslux").find(text_[at_]) != std::string_view::npos; ++at_) {
      if (text_[at_] == 'x') return refuse("the flag x is not supported");
      options.ignore_case = options.ignore_case || text_[at_] == 'i';
      options.dot_all = options.dot_all || text_[at_] == 's';
    }
    const auto parsed = parse_pattern(pool_, pattern, options);
    if (!parsed) return refuse(parsed.error().message);
    return terminal(Expression::of(*parsed));
  }

  RegexPool& pool_;
  const RuleLimits& limits_;
  bool in_terminal_ = false;
  RuleSet rules_;
  std::vector<Expression> ignored_;
  std::map<std::string, Template> templates_;
};

}  // namespace

Result<RuleSet> parse_lark(std::string_view text, RegexPool& pool, const RuleLimits& limits) {
  if (text.size() > limits.bytes_max) {
    return fail(ErrorCode::resource_exhausted, "lark", "a grammar has at most {} bytes, this one {}", limits.bytes_max,
                text.size());
  }
  return LarkParser(text, pool, limits).parse();
}

}  // namespace mlxserving::grammar
