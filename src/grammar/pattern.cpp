#include "grammar/pattern.h"

#include <memory>
#include <optional>

#include "core/result.h"
#include "core/utf8.h"
#include "grammar/unicode_class.h"

namespace mlxserving::grammar {
namespace {

struct Syntax {
  enum class Kind { chars, sequence, choice, repeat, at_start, at_end, lookahead };
  Kind kind;
  CharSet chars;
  std::vector<std::unique_ptr<Syntax>> parts;
  uint32_t min = 0, max = 0;
  bool is_negative = false;    // of a look-ahead
  bool has_assertion = false;  // an anchor or a look-ahead at any depth
  bool has_start = false;      // an at_start at any depth
};
using SyntaxPtr = std::unique_ptr<Syntax>;
using Kind = Syntax::Kind;

CharSet digits() { return CharSet().add('0', '9'); }
CharSet word_chars() { return CharSet().add('0', '9').add('A', 'Z').add('_').add('a', 'z'); }
CharSet spaces() {
  return CharSet()
      .add(9, 13)
      .add(' ')
      .add(0xA0)
      .add(0x1680)
      .add(0x2000, 0x200A)
      .add(0x2028, 0x2029)
      .add(0x202F)
      .add(0x205F)
      .add(0x3000)
      .add(0xFEFF);
}
CharSet line_ends() { return CharSet().add('\n').add('\r').add(0x2028, 0x2029); }

class PatternParser {
 public:
  PatternParser(std::string_view text, const PatternOptions& options, const PatternLimits& limits)
      : text_(text), options_(options), limits_(limits) {}

  Result<SyntaxPtr> parse() {
    MLXS_TRY(auto result, choice(0));
    if (at_ < text_.size()) return refuse("unmatched )");
    return result;
  }

 private:
  Error refuse(std::string_view what) const {
    return fail(ErrorCode::invalid_request, "pattern", "{} at byte {} of the pattern {}", what, at_,
                text_.substr(0, 200));
  }
  bool is_at(char c) const { return at_ < text_.size() && text_[at_] == c; }
  bool is_at(std::string_view s) const { return text_.substr(at_, s.size()) == s; }
  bool take(std::string_view s) {
    if (!is_at(s)) return false;
    at_ += s.size();
    return true;
  }

  static SyntaxPtr make(Kind kind) {
    auto node = std::make_unique<Syntax>();
    node->kind = kind;
    node->has_assertion = kind == Kind::at_start || kind == Kind::at_end || kind == Kind::lookahead;
    node->has_start = kind == Kind::at_start;
    return node;
  }
  static void adopt(Syntax& parent, SyntaxPtr child) {
    parent.has_assertion = parent.has_assertion || child->has_assertion;
    parent.has_start = parent.has_start || child->has_start;
    parent.parts.push_back(std::move(child));
  }
  static SyntaxPtr chars(CharSet set) {
    auto node = make(Kind::chars);
    node->chars = std::move(set);
    return node;
  }

  Result<SyntaxPtr> choice(int depth) {
    if (depth > limits_.depth_max) return refuse("groups nest too deep");
    auto result = make(Kind::choice);
    do {
      MLXS_TRY(auto branch, sequence(depth));
      adopt(*result, std::move(branch));
    } while (take("|"));
    if (result->parts.size() == 1) return std::move(result->parts.front());
    return result;
  }

  Result<SyntaxPtr> sequence(int depth) {
    auto result = make(Kind::sequence);
    while (at_ < text_.size() && !is_at('|') && !is_at(')')) {
      MLXS_TRY(auto part, atom(depth));
      MLXS_TRY(auto repeated, quantified(std::move(part)));
      adopt(*result, std::move(repeated));
    }
    return result;
  }

  std::optional<uint32_t> count() {
    const size_t start = at_;
    uint64_t value = 0;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
      value = std::min<uint64_t>(value * 10 + static_cast<uint64_t>(text_[at_++] - '0'), UINT32_MAX - 1);
    }
    if (at_ == start) return std::nullopt;
    return static_cast<uint32_t>(value);
  }

  // {m}, {m,} or {m,n}; what does not read as one is literal text, as browsers have it.
  bool braces(uint32_t& min, uint32_t& max) {
    const size_t start = at_;
    if (take("{")) {
      if (const auto low = count()) {
        min = max = *low;
        if (take(",")) {
          const auto high = count();
          max = high ? *high : kUnbounded;
        }
        if (take("}")) return true;
      }
    }
    at_ = start;
    return false;
  }

  Result<SyntaxPtr> quantified(SyntaxPtr part) {
    while (at_ < text_.size()) {
      uint32_t min = 0, max = kUnbounded;
      if (take("*")) {
      } else if (take("+")) {
        min = 1;
      } else if (take("?")) {
        max = 1;
      } else if (!braces(min, max)) {
        break;
      }
      take("?");  // a lazy repeat has the same language
      if (min > max) return refuse("repeat counts out of order");
      if (min > limits_.repeat_max || (max != kUnbounded && max > limits_.repeat_max))
        return refuse("repeat count too large");
      if (min == 1 && max == 1) continue;
      if (part->has_assertion && !(min == 0 && max == 1))
        return refuse("an anchor or look-ahead inside a repeat is not supported");
      auto repeat = make(Kind::repeat);
      repeat->min = min;
      repeat->max = max;
      adopt(*repeat, std::move(part));
      part = std::move(repeat);
    }
    return part;
  }

  Result<SyntaxPtr> atom(int depth) {
    if (take("^")) return make(Kind::at_start);
    if (take("$")) return make(Kind::at_end);
    if (take(".")) return chars(options_.dot_all ? CharSet::all() : line_ends().negate());
    if (is_at('(')) return group(depth);
    if (is_at('[')) return char_class();
    if (is_at('\\')) return escape();
    if (is_at('*') || is_at('+') || is_at('?')) return refuse("nothing to repeat");
    const auto decoded = utf8::decode(text_.substr(at_));
    if (!decoded.valid) return refuse("invalid UTF-8");
    at_ += decoded.bytes;
    return chars(folded(CharSet().add(decoded.code_point)));
  }

  // With the other case of each letter, where case is ignored.
  CharSet folded(CharSet set) const {
    if (!options_.ignore_case) return set;
    constexpr char32_t kLettersMax = 2'000;  // a larger range holds both cases, as alphabets are laid out
    CharSet result = set;
    for (const CharSet::Range& range : set.ranges()) {
      for (char32_t c = range.lo; c <= range.hi && c - range.lo < kLettersMax; ++c) {
        const char32_t other = other_case(c);
        if (other != c) result.add(other);
      }
    }
    return result;
  }

  Result<SyntaxPtr> group(int depth) {
    take("(");
    SyntaxPtr look;
    if (take("?=") || is_at("?!")) {
      look = make(Kind::lookahead);
      look->is_negative = take("?!");
    } else if (is_at("?<=") || is_at("?<!")) {
      return refuse("look-behind is not supported");
    } else if (take("?<") || take("?P<")) {
      while (at_ < text_.size() && !is_at('>')) ++at_;
      if (!take(">")) return refuse("unterminated group name");
    } else if (is_at('?') && !take("?:")) {
      return refuse("unknown kind of group");
    }
    MLXS_TRY(auto inner, choice(depth + 1));
    if (!take(")")) return refuse("missing )");
    if (!look) return inner;
    if (inner->has_start) return refuse("^ inside a look-ahead is not supported");
    adopt(*look, std::move(inner));
    return look;
  }

  std::optional<char32_t> hex(size_t digits_count) {
    char32_t value = 0;
    for (size_t i = 0; i < digits_count; ++i, ++at_) {
      if (at_ >= text_.size()) return std::nullopt;
      const char c = text_[at_];
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) return std::nullopt;
      value = value * 16 + static_cast<char32_t>(digit);
    }
    return value;
  }

  // After the backslash: \d and its kin, or nothing.
  std::optional<CharSet> class_escape() {
    if (take("d")) return digits();
    if (take("D")) return digits().negate();
    if (take("w")) return word_chars();
    if (take("W")) return word_chars().negate();
    if (take("s")) return spaces();
    if (take("S")) return spaces().negate();
    return std::nullopt;
  }

  Result<CharSet> property_escape(bool is_negative) {
    std::string_view name;
    if (take("{")) {
      const size_t end = text_.find('}', at_);
      if (end == std::string_view::npos) return refuse("unterminated \\p{");
      name = text_.substr(at_, end - at_);
      at_ = end + 1;
    } else {
      name = text_.substr(at_, 1);
      at_ += name.size();
    }
    auto set = unicode_class(name);
    if (!set) return refuse("unknown Unicode property");
    if (is_negative) set->negate();
    return *std::move(set);
  }

  Result<char32_t> char_escape() {
    if (at_ >= text_.size()) return refuse("lone backslash");
    static constexpr std::string_view kLetters = "fnrtv0", kControls("\f\n\r\t\v\0", 6);
    const char c = text_[at_];
    if (const size_t found = kLetters.find(c); found != std::string_view::npos) {
      ++at_;
      return static_cast<char32_t>(kControls[found]);
    }
    if (take("x")) {
      if (const auto value = hex(2)) return *value;
      return refuse("\\x needs two hexadecimal digits");
    }
    if (take("cJ")) return U'\n';
    if (take("u")) return unicode_escape();
    if (c >= '1' && c <= '9') return refuse("a back-reference is not supported");
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return refuse("unknown escape");
    const auto decoded = utf8::decode(text_.substr(at_));
    if (!decoded.valid) return refuse("invalid UTF-8");
    at_ += decoded.bytes;
    return decoded.code_point;
  }

  Result<char32_t> unicode_escape() {
    if (take("{")) {
      const size_t end = text_.find('}', at_);
      if (end == std::string_view::npos || end == at_ || end - at_ > 6) return refuse("bad \\u{}");
      const auto value = hex(end - at_);
      if (!value || *value > 0x10FFFF) return refuse("bad \\u{}");
      take("}");
      return *value;
    }
    const auto first = hex(4);
    if (!first) return refuse("\\u needs four hexadecimal digits");
    if (*first < 0xD800 || *first > 0xDBFF || !is_at("\\u")) return *first;
    const size_t start = at_;
    at_ += 2;
    const auto second = hex(4);
    if (second && *second >= 0xDC00 && *second <= 0xDFFF)
      return 0x10000 + ((*first - 0xD800) << 10) + (*second - 0xDC00);
    at_ = start;
    return *first;
  }

  Result<SyntaxPtr> escape() {
    take("\\");
    if (auto set = class_escape()) return chars(*std::move(set));
    if (is_at('p') || is_at('P')) {
      const bool is_negative = text_[at_++] == 'P';
      MLXS_TRY(auto set, property_escape(is_negative));
      return chars(std::move(set));
    }
    if (is_at('b') || is_at('B')) return refuse("a word boundary is not supported");
    // What other flavours write for the ends of the text.
    if (take("A")) return make(Kind::at_start);
    if (take("Z") || take("z")) return make(Kind::at_end);
    MLXS_TRY(const char32_t c, char_escape());
    return chars(folded(CharSet().add(c)));
  }

  // One member of a class: a set, or a single character that may begin a range.
  Result<std::optional<char32_t>> class_member(CharSet& set) {
    if (take("\\")) {
      if (auto inner = class_escape()) {
        set.add(*inner);
        return std::optional<char32_t>();
      }
      if (is_at('p') || is_at('P')) {
        const bool is_negative = text_[at_++] == 'P';
        MLXS_TRY(auto inner, property_escape(is_negative));
        set.add(inner);
        return std::optional<char32_t>();
      }
      if (take("b")) return std::optional<char32_t>(8);
      MLXS_TRY(const char32_t c, char_escape());
      return std::optional<char32_t>(c);
    }
    const auto decoded = utf8::decode(text_.substr(at_));
    if (!decoded.valid) return refuse("invalid UTF-8");
    at_ += decoded.bytes;
    return std::optional<char32_t>(decoded.code_point);
  }

  Result<SyntaxPtr> char_class() {
    take("[");
    const bool is_negative = take("^");
    CharSet set;
    while (!is_at(']')) {
      if (at_ >= text_.size()) return refuse("missing ]");
      MLXS_TRY(const auto low, class_member(set));
      if (low && is_at('-') && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
        take("-");
        CharSet other;
        MLXS_TRY(const auto high, class_member(other));
        if (high && *high < *low) return refuse("class range out of order");
        if (high) {
          set.add(*low, *high);
        } else {
          set.add(*low).add('-').add(other);
        }
      } else if (low) {
        set.add(*low);
      }
    }
    take("]");
    set = folded(std::move(set));
    if (is_negative) set.negate();
    return chars(std::move(set));
  }

  std::string_view text_;
  const PatternOptions& options_;
  const PatternLimits& limits_;
  size_t at_ = 0;
};

// What a search finds it finds with the least of a repeat at its ends: any text may stand around.
void trim_edges(Syntax& node, bool at_left, bool at_right) {
  if (node.has_assertion && node.kind != Kind::choice && node.kind != Kind::sequence) return;
  switch (node.kind) {
    case Kind::choice:
      for (const auto& part : node.parts) trim_edges(*part, at_left, at_right);
      break;
    case Kind::sequence:
      if (node.parts.empty()) break;
      if (at_left && !node.has_start) trim_edges(*node.parts.front(), true, at_right && node.parts.size() == 1);
      if (at_right && node.parts.size() > 1) trim_edges(*node.parts.back(), false, true);
      break;
    case Kind::repeat:
      if (at_left || at_right) node.max = node.min;
      if (node.max == 1) trim_edges(*node.parts.front(), at_left, at_right);
      break;
    default: break;
  }
}

// Builds the language of a syntax tree followed by a continuation, so that what asserts something of the rest of the
// text (an end anchor, a look-ahead) is an intersection with the continuation.
class LanguageBuilder {
 public:
  LanguageBuilder(RegexPool& pool, Spelling spelling)
      : pool_(pool), spelling_(spelling), any_(pool.repeat(spell(pool, CharSet::all(), spelling), 0, kUnbounded)) {}

  RegexId any_text() const { return any_; }

  RegexId build(const Syntax& node, RegexId then, bool is_start) {
    switch (node.kind) {
      case Kind::chars: return pool_.concat(spell(pool_, node.chars, spelling_), then);
      case Kind::sequence: return sequence(node, 0, then, is_start);
      case Kind::choice: {
        std::vector<RegexId> branches;
        branches.reserve(node.parts.size());
        for (const auto& part : node.parts)
          branches.push_back(node.has_assertion ? build(*part, then, is_start) : plain(*part));
        const RegexId all = pool_.any_of(std::move(branches));
        return node.has_assertion ? all : pool_.concat(all, then);
      }
      case Kind::repeat:
        if (!node.has_assertion) return pool_.concat(plain(node), then);
        return pool_.any_of({build(*node.parts.front(), then, is_start), then});
      case Kind::at_start: return is_start ? then : kNothing;
      case Kind::at_end: return pool_.is_nullable(then) ? kEmptyText : kNothing;
      case Kind::lookahead: {
        const RegexId ahead = build(*node.parts.front(), any_, false);
        return node.is_negative ? pool_.minus(then, ahead) : pool_.all_of({then, ahead});
      }
    }
    return kNothing;
  }

 private:
  RegexId plain(const Syntax& node) {
    if (node.kind == Kind::repeat) return pool_.repeat(plain(*node.parts.front()), node.min, node.max);
    return build(node, kEmptyText, false);
  }

  RegexId sequence(const Syntax& node, size_t from, RegexId then, bool is_start) {
    if (from == node.parts.size()) return then;
    const Syntax& part = *node.parts[from];
    bool rest_has_start = false;
    for (size_t i = from + 1; i < node.parts.size(); ++i) rest_has_start = rest_has_start || node.parts[i]->has_start;
    if (!is_start || !rest_has_start) return build(part, sequence(node, from + 1, then, false), is_start);
    // ^ comes later: it holds only where this part takes nothing.
    const RegexId rest_started = sequence(node, from + 1, then, true);
    if (part.has_assertion) return build(part, rest_started, true);
    const RegexId here = plain(part);
    const RegexId rest = sequence(node, from + 1, then, false);
    const RegexId consumed = pool_.concat(pool_.minus(here, kEmptyText), rest);
    return pool_.is_nullable(here) ? pool_.any_of({rest_started, consumed}) : consumed;
  }

  RegexPool& pool_;
  Spelling spelling_;
  RegexId any_;
};

}  // namespace

Result<RegexId> parse_pattern(RegexPool& pool, std::string_view pattern, const PatternOptions& options,
                              const PatternLimits& limits) {
  if (pattern.size() > limits.bytes_max) {
    return fail(ErrorCode::resource_exhausted, "pattern", "a pattern has at most {} bytes, this one {}",
                limits.bytes_max, pattern.size());
  }
  MLXS_TRY(const auto syntax, PatternParser(pattern, options, limits).parse());
  if (options.is_search) trim_edges(*syntax, true, true);
  LanguageBuilder builder(pool, options.spelling);
  if (!options.is_search) return builder.build(*syntax, kEmptyText, true);
  const RegexId rest = builder.any_text();
  const RegexId at_start = builder.build(*syntax, rest, true);
  // A match may begin later; where ^ stands on every path that adds nothing.
  const RegexId later = builder.build(*syntax, rest, false);
  const RegexId after_some = later == kNothing ? kNothing : pool.concat(rest, later);
  return pool.any_of({at_start, after_some});
}

}  // namespace mlxserving::grammar
