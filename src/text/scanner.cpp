#include "text/scanner.h"

#include <string>

#include "text/unicode.h"

namespace mlxserving::text {
namespace {

using unicode::kLetter;
using unicode::kLower;
using unicode::kMark;
using unicode::kNumber;
using unicode::kPunct;
using unicode::kSpace;
using unicode::kSymbol;
using unicode::kUpper;

// The valid UTF-8 that is scanned, and what kind of character stands where.
class Cursor {
 public:
  explicit Cursor(std::string_view text)
      : begin_(reinterpret_cast<const uint8_t*>(text.data())), end_(begin_ + text.size()), flags_(unicode::flags()) {}

  const uint8_t* begin() const { return begin_; }
  const uint8_t* end() const { return end_; }
  uint32_t offset(const uint8_t* p) const { return static_cast<uint32_t>(p - begin_); }

  // The code point at p < end; `next` is set behind it.
  static char32_t decode(const uint8_t* p, const uint8_t*& next) {
    const char32_t c = *p;
    if (c < 0x80) return next = p + 1, c;
    if (c < 0xE0) return next = p + 2, (c & 0x1F) << 6 | (p[1] & 0x3F);
    if (c < 0xF0) return next = p + 3, (c & 0x0F) << 12 | (p[1] & 0x3F) << 6 | (p[2] & 0x3F);
    return next = p + 4, (c & 0x07) << 18 | (p[1] & 0x3F) << 12 | (p[2] & 0x3F) << 6 | (p[3] & 0x3F);
  }

  // Flag bits of the character at p, 0 at the end.
  uint8_t flags_at(const uint8_t* p, const uint8_t*& next) const {
    if (p == end_) return next = p, 0;
    if (*p < 0x80) return next = p + 1, flags_[*p];
    return flags_[decode(p, next)];
  }

  // Behind the longest run from p of characters with one of the bits.
  const uint8_t* run_of(const uint8_t* p, uint8_t bits) const {
    for (;;) {
      while (p != end_ && *p < 0x80 && (flags_[*p] & bits) != 0) ++p;
      if (p == end_ || *p < 0x80) return p;
      const uint8_t* next;
      if ((flags_[decode(p, next)] & bits) == 0) return p;
      p = next;
    }
  }

  // ... with none of the bits.
  const uint8_t* run_without(const uint8_t* p, uint8_t bits) const {
    while (p != end_) {
      const uint8_t* next;
      if ((flags_at(p, next) & bits) != 0) return p;
      p = next;
    }
    return p;
  }

  const uint8_t* run_of_at_most(const uint8_t* p, uint8_t bits, int count) const {
    const uint8_t* next;
    while (count-- > 0 && p != end_ && (flags_at(p, next) & bits) != 0) p = next;
    return p;
  }

 private:
  const uint8_t* begin_;
  const uint8_t* end_;
  const uint8_t* flags_;
};

bool is_line_break(const uint8_t* p) { return *p == '\n' || *p == '\r'; }

// The longest of 's 't 're 've 'm 'll 'd at p, which points to the apostrophe: bytes, 0 for none. Ignoring case also
// takes U+017F, which folds to s.
size_t contraction_bytes(const uint8_t* p, const uint8_t* end, bool ignore_case) {
  if (end - p < 2) return 0;
  const uint8_t fold = ignore_case ? 0x20 : 0;
  const auto first = static_cast<char>(p[1] | fold);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  if (end - p < 3) return 0;
  if (ignore_case && p[1] == 0xC5 && p[2] == 0xBF) return 3;
  const auto second = static_cast<char>(p[2] | fold);
  const bool two =
      (first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l');
  return two ? 3 : 0;
}

// The end of `\s*[\r\n]+` (when `by_line`), `\s+(?!\S)` or `\s+` at p, which points to white space.
const uint8_t* white_space(const Cursor& cursor, const uint8_t* p, bool by_line) {
  const uint8_t* end = p;
  const uint8_t* last = p;                // the last character of the run
  const uint8_t* behind_break = nullptr;  // behind the last line break in it
  const uint8_t* next;
  while (end != cursor.end() && (cursor.flags_at(end, next) & kSpace) != 0) {
    if (is_line_break(end)) behind_break = next;
    last = end;
    end = next;
  }
  if (by_line && behind_break != nullptr) return behind_break;
  // A run before other text leaves its last character to that text.
  return end == cursor.end() || last == p ? end : last;
}

enum class Word { gpt2, letters, letters_and_marks, by_case, by_case_without_contraction };

// The parts in which the patterns of the families differ.
struct Family {
  enum class Contraction { none, lower, any_case } contraction;
  Word word;
  int digits_max;          // of one piece; 0: any number, and a space before them belongs to it
  uint8_t other_excludes;  // besides white space, letters and numbers
  const char* other_tail;  // what a run of other characters takes along: "", "\r\n", "\r\n/"
  bool by_line;
};

class FamilyScanner final : public Scanner {
 public:
  explicit FamilyScanner(const Family& family) : family_(family) {}

  void find(std::string_view text, std::vector<Match>& out) const override {
    const Cursor cursor(text);
    for (const uint8_t* p = cursor.begin(); p != cursor.end();) {
      const uint8_t* const next = piece_end(cursor, p);
      out.push_back({cursor.offset(p), cursor.offset(next), true});
      p = next;
    }
  }

 private:
  // The alternatives in the pattern's order; one of them always matches.
  const uint8_t* piece_end(const Cursor& cursor, const uint8_t* p) const {
    if (*p == '\'' && family_.contraction != Family::Contraction::none) {
      const bool ignore_case = family_.contraction == Family::Contraction::any_case;
      if (const size_t bytes = contraction_bytes(p, cursor.end(), ignore_case); bytes != 0) return p + bytes;
    }
    if (const uint8_t* end = word_end(cursor, p); end != p) return end;
    if (const uint8_t* end = number_end(cursor, p); end != p) return end;
    if (const uint8_t* end = other_end(cursor, p); end != p) return end;
    return white_space(cursor, p, family_.by_line);
  }

  const uint8_t* word_end(const Cursor& cursor, const uint8_t* p) const {
    switch (family_.word) {
      case Word::gpt2: return *p == ' ' ? cased_if_any(cursor, p, kLetter) : cursor.run_of(p, kLetter);
      case Word::letters: return with_prefix(cursor, p, kLetter);
      case Word::letters_and_marks: return with_prefix(cursor, p, kLetter | kMark);
      case Word::by_case:
      case Word::by_case_without_contraction: return word_by_case(cursor, p);
    }
    return p;
  }

  // ` X+` where p points to the space.
  static const uint8_t* cased_if_any(const Cursor& cursor, const uint8_t* p, uint8_t bits) {
    const uint8_t* const end = cursor.run_of(p + 1, bits);
    return end != p + 1 ? end : p;
  }

  // `[^\r\n\p{L}\p{N}]?X+`
  static const uint8_t* with_prefix(const Cursor& cursor, const uint8_t* p, uint8_t bits) {
    const uint8_t* next;
    const uint8_t kind = cursor.flags_at(p, next);
    if ((kind & bits) != 0) return cursor.run_of(p, bits);
    if ((kind & (kLetter | kNumber)) != 0 || is_line_break(p)) return p;
    const uint8_t* const end = cursor.run_of(next, bits);
    return end != next ? end : p;
  }

  static bool is_upper_class(uint8_t kind) { return (kind & (kLetter | kMark)) != 0 && (kind & kLower) == 0; }
  static bool is_lower_class(uint8_t kind) { return (kind & (kLetter | kMark)) != 0 && (kind & kUpper) == 0; }

  // `U*L+`, U the class of upper, title, modifier and other letters and marks, L of lower, modifier, other and marks.
  static const uint8_t* upper_then_lower(const Cursor& cursor, const uint8_t* p) {
    const uint8_t* next;
    const uint8_t* behind_both = p;  // behind the last character that is in U and in L
    const uint8_t* at = p;
    uint8_t kind = cursor.flags_at(at, next);
    while (is_upper_class(kind)) {
      if (is_lower_class(kind)) behind_both = next;
      at = next;
      kind = cursor.flags_at(at, next);
    }
    if (!is_lower_class(kind)) return behind_both;  // L+ takes back from U* what it needs
    while (is_lower_class(kind)) {
      at = next;
      kind = cursor.flags_at(at, next);
    }
    return at;
  }

  // `U+L*`, tried when `U*L+` did not match: what it finds is upper case only.
  static const uint8_t* upper_only(const Cursor& cursor, const uint8_t* p) {
    const uint8_t* next;
    while (is_upper_class(cursor.flags_at(p, next))) p = next;
    return p;
  }

  const uint8_t* word_by_case(const Cursor& cursor, const uint8_t* p) const {
    const uint8_t* next;
    const uint8_t kind = cursor.flags_at(p, next);
    const bool may_be_prefix = (kind & (kLetter | kNumber)) == 0 && !is_line_break(p);
    for (const auto form : {upper_then_lower, upper_only}) {
      if (may_be_prefix) {
        if (const uint8_t* end = form(cursor, next); end != next) return behind_contraction(cursor, end);
      }
      if (const uint8_t* end = form(cursor, p); end != p) return behind_contraction(cursor, end);
    }
    return p;
  }

  const uint8_t* behind_contraction(const Cursor& cursor, const uint8_t* p) const {
    if (family_.word != Word::by_case || p == cursor.end() || *p != '\'') return p;
    return p + contraction_bytes(p, cursor.end(), true);
  }

  const uint8_t* number_end(const Cursor& cursor, const uint8_t* p) const {
    if (family_.digits_max > 0) return cursor.run_of_at_most(p, kNumber, family_.digits_max);
    return *p == ' ' ? cased_if_any(cursor, p, kNumber) : cursor.run_of(p, kNumber);
  }

  const uint8_t* other_end(const Cursor& cursor, const uint8_t* p) const {
    const uint8_t* const begin = *p == ' ' ? p + 1 : p;
    const uint8_t excluded = kSpace | kLetter | kNumber | family_.other_excludes;
    const uint8_t* end = cursor.run_without(begin, excluded);
    if (end == begin) return p;
    const std::string_view tail = family_.other_tail;
    while (end != cursor.end() && tail.find(static_cast<char>(*end)) != std::string_view::npos) ++end;
    return end;
  }

  Family family_;
};

// Emits the runs that `Run` finds and what lies between them.
template <typename Run>
void find_runs(std::string_view text, std::vector<Match>& out, const Run& run) {
  const Cursor cursor(text);
  const uint8_t* gap = cursor.begin();
  for (const uint8_t* p = gap; p != cursor.end();) {
    const uint8_t* const end = run(cursor, p);
    if (end == p) {
      const uint8_t* next;
      Cursor::decode(p, next);
      p = next;
      continue;
    }
    if (gap != p) out.push_back({cursor.offset(gap), cursor.offset(p), false});
    out.push_back({cursor.offset(p), cursor.offset(end), true});
    gap = p = end;
  }
  if (gap != cursor.end()) out.push_back({cursor.offset(gap), cursor.offset(cursor.end()), false});
}

// `\p{N}{1,n}`
class NumberScanner final : public Scanner {
 public:
  explicit NumberScanner(int digits_max) : digits_max_(digits_max) {}
  void find(std::string_view text, std::vector<Match>& out) const override {
    find_runs(text, out,
              [this](const Cursor& c, const uint8_t* p) { return c.run_of_at_most(p, kNumber, digits_max_); });
  }

 private:
  int digits_max_;
};

// `[一-龥぀-ゟ゠-ヿ]+`
class CjkScanner final : public Scanner {
 public:
  void find(std::string_view text, std::vector<Match>& out) const override {
    find_runs(text, out, [](const Cursor& c, const uint8_t* p) {
      const uint8_t* next;
      // Nothing below U+3040 is meant, and that begins with E3.
      while (p != c.end() && *p >= 0xE3 && is_cjk(Cursor::decode(p, next))) p = next;
      return p;
    });
  }

 private:
  static bool is_cjk(char32_t c) { return (c >= 0x4E00 && c <= 0x9FA5) || (c >= 0x3040 && c <= 0x30FF); }
};

// The third Split of DeepSeek-V3.
class DeepSeekScanner final : public Scanner {
 public:
  void find(std::string_view text, std::vector<Match>& out) const override {
    find_runs(text, out, [](const Cursor& c, const uint8_t* p) { return piece_end(c, p); });
  }

 private:
  static bool is_ascii_letter(const uint8_t* p) { return static_cast<uint8_t>((*p | 0x20) - 'a') < 26; }

  static const uint8_t* piece_end(const Cursor& cursor, const uint8_t* p) {
    constexpr uint8_t kWord = kLetter | kMark;
    const uint8_t* next;
    const uint8_t kind = cursor.flags_at(p, next);
    if (*p < 0x80 && (kind & (kPunct | kSymbol)) != 0 && next != cursor.end() && is_ascii_letter(next)) {
      while (next != cursor.end() && is_ascii_letter(next)) ++next;
      return next;
    }
    if ((kind & kWord) != 0) return cursor.run_of(p, kWord);
    if ((kind & (kPunct | kSymbol)) == 0 && !is_line_break(p)) {
      if (const uint8_t* end = cursor.run_of(next, kWord); end != next) return end;
    }
    const uint8_t* const begin = *p == ' ' ? p + 1 : p;
    if (const uint8_t* end = cursor.run_of(begin, kPunct | kSymbol); end != begin) {
      while (end != cursor.end() && is_line_break(end)) ++end;
      return end;
    }
    return (kind & kSpace) != 0 ? white_space(cursor, p, true) : p;
  }
};

// A pattern of a family is a choice for each of these parts, in this order.
template <typename T>
struct Part {
  const char* text;
  T value;
};

constexpr Part<Family::Contraction> kContractions[] = {
    {"(?i:'s|'t|'re|'ve|'m|'ll|'d)|", Family::Contraction::any_case},
    {"'s|'t|'re|'ve|'m|'ll|'d|", Family::Contraction::lower},
    {"", Family::Contraction::none},
};

constexpr Part<Word> kWords[] = {
    {" ?\\p{L}+|", Word::gpt2},
    {"[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|", Word::letters},
    {"[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|", Word::letters_and_marks},
    {"[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'"
     "ll|"
     "'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'"
     "m|"
     "'ll|'d)?|",
     Word::by_case},
    {"[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|[^\\r\\n\\p{L}\\p{N}]?"
     "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|",
     Word::by_case_without_contraction},
};

constexpr Part<int> kNumbers[] = {{"\\p{N}{1,3}|", 3}, {"\\p{N}|", 1}, {" ?\\p{N}+|", 0}};

constexpr Part<uint8_t> kOthers[] = {{" ?[^\\s\\p{L}\\p{N}]+", 0}, {" ?[^\\s\\p{L}\\p{M}\\p{N}]+", kMark}};

constexpr Part<const char*> kTails[] = {{"[\\r\\n]*|", "\r\n"}, {"[\\r\\n/]*|", "\r\n/"}, {"|", ""}};

constexpr Part<bool> kEnds[] = {{"\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+", true}, {"\\s+(?!\\S)|\\s+", false}};

constexpr std::string_view kNumberRuns[] = {"\\p{N}", "\\p{N}{1,3}"};
constexpr std::string_view kCjk = "[一-龥぀-ゟ゠-ヿ]+";
constexpr std::string_view kDeepSeek =
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| "
    "?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+";

// Takes the first part that `pattern` begins with off it.
template <typename T, size_t kCount>
bool take(std::string_view& pattern, const Part<T> (&parts)[kCount], T& value) {
  for (const Part<T>& part : parts) {
    if (!pattern.starts_with(part.text)) continue;
    pattern.remove_prefix(std::string_view(part.text).size());
    value = part.value;
    return true;
  }
  return false;
}

// A family whose choices leave a character that no alternative matches would need gaps; the classes exclude that.
bool covers_everything(const Family& f) {
  return f.other_excludes == 0 || f.word == Word::letters_and_marks || f.word == Word::by_case ||
         f.word == Word::by_case_without_contraction;
}

}  // namespace

std::string_view gpt2_pattern() {
  return "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
}

std::unique_ptr<const Scanner> recognise(std::string_view pattern) {
  if (pattern == kNumberRuns[0]) return std::make_unique<NumberScanner>(1);
  if (pattern == kNumberRuns[1]) return std::make_unique<NumberScanner>(3);
  if (pattern == kCjk) return std::make_unique<CjkScanner>();
  if (pattern == kDeepSeek) return std::make_unique<DeepSeekScanner>();
  Family family{};
  if (take(pattern, kContractions, family.contraction) && take(pattern, kWords, family.word) &&
      take(pattern, kNumbers, family.digits_max) && take(pattern, kOthers, family.other_excludes) &&
      take(pattern, kTails, family.other_tail) && take(pattern, kEnds, family.by_line) && pattern.empty() &&
      covers_everything(family)) {
    return std::make_unique<FamilyScanner>(family);
  }
  return nullptr;
}

std::vector<std::string> recognised_patterns() {
  std::vector<std::string> patterns = {std::string(kNumberRuns[0]), std::string(kNumberRuns[1]), std::string(kCjk),
                                       std::string(kDeepSeek)};
  for (const auto& contraction : kContractions)
    for (const auto& word : kWords)
      for (const auto& number : kNumbers)
        for (const auto& other : kOthers)
          for (const auto& tail : kTails)
            for (const auto& end : kEnds) {
              std::string text =
                  std::string(contraction.text) + word.text + number.text + other.text + tail.text + end.text;
              if (recognise(text) != nullptr) patterns.push_back(std::move(text));
            }
  return patterns;
}

}  // namespace mlxserving::text
