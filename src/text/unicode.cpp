#include "text/unicode.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <memory>
#include <string>

#include "core/utf8.h"

namespace mlxserving::text::unicode {
namespace {

#include "text/unicode_data.inl"

// Where a generated set lists runs: gap from the end of the run before, length. Classes have a class number as well.
template <size_t kStride, typename Visit>
void each_run(std::span<const uint32_t> numbers, const Visit& visit) {
  char32_t at = 0;
  for (size_t i = 0; i + kStride <= numbers.size(); i += kStride) {
    at += numbers[i];
    const char32_t last = at + numbers[i + 1] - 1;
    if constexpr (kStride == 2) {
      visit(Range{at, last});
    } else {
      visit(Range{at, last}, static_cast<uint8_t>(numbers[i + 2]));
    }
    at = last + 1;
  }
}

std::vector<Range> ranges_of(std::span<const uint32_t> numbers) {
  std::vector<Range> ranges;
  each_run<2>(numbers, [&](Range r) { ranges.push_back(r); });
  return ranges;
}

struct ClassRange {
  char32_t first;
  char32_t last;
  uint8_t number;
};

std::vector<ClassRange> classes_of(std::span<const uint32_t> numbers) {
  std::vector<ClassRange> classes;
  each_run<3>(numbers, [&](Range r, uint8_t number) { classes.push_back({r.first, r.last, number}); });
  return classes;
}

template <typename R>
const R* find(const std::vector<R>& ranges, char32_t c) {
  const auto it = std::partition_point(ranges.begin(), ranges.end(), [c](const R& r) { return r.last < c; });
  return it != ranges.end() && it->first <= c ? &*it : nullptr;
}

uint8_t class_of(const std::vector<ClassRange>& classes, char32_t c) {
  const ClassRange* range = find(classes, c);
  return range != nullptr ? range->number : 0;
}

// In the order of the class numbers of kCategories.
constexpr std::array<std::string_view, 28> kCategoryNames = {"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl",
                                                             "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc",
                                                             "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Co"};

uint8_t flags_of_category(uint8_t number) {
  const std::string_view name = kCategoryNames[number - 1];
  uint8_t bits = 0;
  if (name[0] == 'L') bits |= kLetter;
  if (name[0] == 'N') bits |= kNumber;
  if (name[0] == 'M') bits |= kMark;
  if (name[0] == 'P') bits |= kPunct;
  if (name[0] == 'S') bits |= kSymbol;
  if (name == "Lu" || name == "Lt") bits |= kUpper;
  if (name == "Ll") bits |= kLower;
  return bits;
}

uint8_t* build_flags() {
  // Pages of code points that no text has are never touched and cost nothing.
  auto* table = static_cast<uint8_t*>(std::calloc(kCodePoints, 1));
  if (table == nullptr) std::abort();
  each_run<3>(kCategories, [&](Range r, uint8_t number) {
    const uint8_t bits = flags_of_category(number);
    if (bits != 0) std::fill(table + r.first, table + r.last + 1, bits);
  });
  each_run<2>(kSpaceRuns, [&](Range r) {
    for (char32_t c = r.first; c <= r.last; ++c) table[c] |= kSpace;
  });
  return table;
}

// Numbers: gap from the code point before, count, and the code points that it maps to.
struct Mapping {
  std::vector<char32_t> from;
  std::vector<std::pair<uint32_t, uint32_t>> at;  // begin and count in `to`
  std::vector<char32_t> to;

  explicit Mapping(std::span<const uint32_t> numbers) {
    char32_t c = 0;
    for (size_t i = 0; i < numbers.size(); i += 2 + numbers[i + 1]) {
      c += numbers[i];
      from.push_back(c);
      at.emplace_back(to.size(), numbers[i + 1]);
      to.insert(to.end(), numbers.begin() + i + 2, numbers.begin() + i + 2 + numbers[i + 1]);
    }
  }

  std::span<const char32_t> find(char32_t c) const {
    const auto it = std::lower_bound(from.begin(), from.end(), c);
    if (it == from.end() || *it != c) return {};
    const auto [begin, count] = at[it - from.begin()];
    return {to.data() + begin, count};
  }
};

// Lower-case letters and digits only, so that "Uppercase_Letter" and "uppercase letter" are one.
std::string canonical_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) out += static_cast<char>(std::tolower(c));
  }
  return out;
}

// Long names of categories and groups, and the short one of each.
constexpr std::pair<std::string_view, std::string_view> kLongNames[] = {
    {"letter", "l"},
    {"uppercaseletter", "lu"},
    {"lowercaseletter", "ll"},
    {"titlecaseletter", "lt"},
    {"modifierletter", "lm"},
    {"otherletter", "lo"},
    {"mark", "m"},
    {"nonspacingmark", "mn"},
    {"spacingmark", "mc"},
    {"enclosingmark", "me"},
    {"number", "n"},
    {"decimalnumber", "nd"},
    {"letternumber", "nl"},
    {"othernumber", "no"},
    {"punctuation", "p"},
    {"connectorpunctuation", "pc"},
    {"dashpunctuation", "pd"},
    {"openpunctuation", "ps"},
    {"closepunctuation", "pe"},
    {"initialpunctuation", "pi"},
    {"finalpunctuation", "pf"},
    {"otherpunctuation", "po"},
    {"symbol", "s"},
    {"mathsymbol", "sm"},
    {"currencysymbol", "sc"},
    {"modifiersymbol", "sk"},
    {"othersymbol", "so"},
    {"separator", "z"},
    {"spaceseparator", "zs"},
    {"lineseparator", "zl"},
    {"paragraphseparator", "zp"},
    {"control", "cc"},
    {"format", "cf"},
    {"privateuse", "co"},
};

std::vector<Range> category_ranges(std::string_view short_name) {
  std::vector<Range> ranges;
  each_run<3>(kCategories, [&](Range r, uint8_t number) {
    if (!canonical_name(kCategoryNames[number - 1]).starts_with(short_name)) return;
    if (!ranges.empty() && ranges.back().last + 1 == r.first) {
      ranges.back().last = r.last;
    } else {
      ranges.push_back(r);
    }
  });
  return ranges;
}

}  // namespace

const uint8_t* flags() {
  static const uint8_t* const table = build_flags();
  return table;
}

bool is_rust_word(char32_t c) {
  static const auto ranges = ranges_of(kRustWord);
  return find(ranges, c) != nullptr;
}

bool is_rust_numeric(char32_t c) {
  static const auto ranges = ranges_of(kRustNumeric);
  return find(ranges, c) != nullptr;
}

bool is_punctuation(char32_t c) {
  static const auto ranges = ranges_of(kPunctuation);
  return find(ranges, c) != nullptr;
}

bool is_control(char32_t c) {
  static const auto ranges = ranges_of(kControl);
  return find(ranges, c) != nullptr;
}

bool is_nonspacing_mark(char32_t c) {
  static const auto ranges = ranges_of(kNonspacingMark);
  return find(ranges, c) != nullptr;
}

bool is_combining_mark(char32_t c) {
  static const auto ranges = ranges_of(kCombiningMark);
  return find(ranges, c) != nullptr;
}

std::span<const char32_t> lowercase(char32_t c) {
  static const Mapping mapping(kLowercase);
  return mapping.find(c);
}

uint8_t script(char32_t c) {
  static const auto classes = classes_of(kScripts);
  return class_of(classes, c);
}

std::vector<Range> property(std::string_view name) {
  std::string wanted = canonical_name(name);
  if (wanted == "space") return ranges_of(kSpaceRuns);
  if (wanted == "word") return ranges_of(kWord);
  if (wanted == "digit") return ranges_of(kDigit);
  if (wanted == "han") return ranges_of(kHan);
  for (const auto& [long_name, short_name] : kLongNames) {
    if (wanted == long_name) wanted = short_name;
  }
  return wanted.empty() || wanted.size() > 2 ? std::vector<Range>{} : category_ranges(wanted);
}

namespace {

// In the order of the class numbers of kGraphemeBreaks; 0 is Other.
enum Break : uint8_t {
  kOther,
  kCr,
  kLf,
  kBreakControl,
  kExtend,
  kZwj,
  kRegional,
  kPrepend,
  kSpacingMark,
  kL,
  kV,
  kT,
  kLv,
  kLvt
};

// What the rules need to know of the cluster so far.
struct Cluster {
  Break last = kOther;
  int regionals = 0;
  bool pictographic = false;      // Extended_Pictographic Extend*
  bool pictographic_zwj = false;  // ... and a ZWJ
  bool consonant = false;         // InCB=Consonant [Extend Linker]*
  bool linker = false;            // ... with a linker among them
};

bool breaks(const Cluster& cluster, Break next, bool next_pictographic, bool next_consonant) {
  const Break last = cluster.last;
  if (last == kCr && next == kLf) return false;                                               // GB3
  if (last == kCr || last == kLf || last == kBreakControl) return true;                       // GB4
  if (next == kCr || next == kLf || next == kBreakControl) return true;                       // GB5
  if (last == kL && (next == kL || next == kV || next == kLv || next == kLvt)) return false;  // GB6
  if ((last == kLv || last == kV) && (next == kV || next == kT)) return false;                // GB7
  if ((last == kLvt || last == kT) && next == kT) return false;                               // GB8
  if (next == kExtend || next == kZwj || next == kSpacingMark) return false;                  // GB9, GB9a
  if (last == kPrepend) return false;                                                         // GB9b
  if (cluster.consonant && cluster.linker && next_consonant) return false;                    // GB9c
  if (cluster.pictographic_zwj && next_pictographic) return false;                            // GB11
  return !(next == kRegional && last == kRegional && cluster.regionals % 2 == 1);             // GB12, GB13
}

}  // namespace

size_t grapheme_bytes(std::string_view text) {
  static const auto classes = classes_of(kGraphemeBreaks);
  static const auto pictographic = ranges_of(kPictographic);
  static const auto consonants = ranges_of(kIndicConsonant);
  static const auto extends = ranges_of(kIndicExtend);
  static const auto linkers = ranges_of(kIndicLinker);
  Cluster cluster;
  size_t at = 0;
  while (at < text.size()) {
    const utf8::Decoded d = utf8::decode(text.substr(at));
    const auto next = static_cast<Break>(class_of(classes, d.code_point));
    const bool is_pictographic = find(pictographic, d.code_point) != nullptr;
    const bool is_consonant = find(consonants, d.code_point) != nullptr;
    if (at > 0 && breaks(cluster, next, is_pictographic, is_consonant)) return at;
    const bool is_linker = find(linkers, d.code_point) != nullptr;
    const bool indic_continues = is_linker || find(extends, d.code_point) != nullptr;
    cluster.pictographic_zwj = cluster.pictographic && next == kZwj;
    cluster.pictographic = is_pictographic || (cluster.pictographic && next == kExtend);
    cluster.linker = cluster.consonant && indic_continues && (cluster.linker || is_linker);
    cluster.consonant = is_consonant || (cluster.consonant && indic_continues);
    if (is_consonant) cluster.linker = false;
    cluster.regionals = next == kRegional ? cluster.regionals + 1 : 0;
    cluster.last = next;
    at += d.bytes;
  }
  return at;
}

}  // namespace mlxserving::text::unicode
