#include "text/jinja/characters.h"

#include <utf8proc.h>

#include <algorithm>
#include <iterator>
#include <span>

#include "core/utf8.h"

namespace mlxserving::text::jinja {
namespace {

struct CodePointRange {
  char32_t first;
  char32_t last;
};

struct CodePointMapping {
  char32_t from;
  char32_t to[3];  // ends at a zero
};

#include "text/jinja/python_str_tables.inl"

bool is_in(std::span<const CodePointRange> ranges, char32_t c) {
  const auto at = std::upper_bound(ranges.begin(), ranges.end(), c,
                                   [](char32_t value, const CodePointRange& range) { return value < range.first; });
  return at != ranges.begin() && c <= std::prev(at)->last;
}

const CodePointMapping* find(std::span<const CodePointMapping> mappings, char32_t c) {
  const auto at =
      std::lower_bound(mappings.begin(), mappings.end(), c,
                       [](const CodePointMapping& mapping, char32_t value) { return mapping.from < value; });
  return at != mappings.end() && at->from == c ? &*at : nullptr;
}

utf8proc_category_t category(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }

// Room for any text a case mapping can make of `text`: the longest gives three code points of four bytes for one.
TextBuilder builder_for(const Text& text) { return {text.bytes.size() * 12 + 16, "a string"}; }

void append_mapped(TextBuilder& out, std::span<const CodePointMapping> special, char32_t c, char32_t simple,
                   Trust trust) {
  const CodePointMapping* mapping = find(special, c);
  if (mapping == nullptr) return out.append_code_point(simple, trust);
  for (const char32_t to : mapping->to) {
    if (to != 0) out.append_code_point(to, trust);
  }
}

char32_t simple_lower(char32_t c) { return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))); }

void append_upper(TextBuilder& out, char32_t c, Trust trust) {
  const auto simple = static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c)));
  append_mapped(out, kUpper, c, simple, trust);
}

void append_title(TextBuilder& out, char32_t c, Trust trust) {
  const auto simple = static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(c)));
  append_mapped(out, kTitle, c, simple, trust);
}

// A capital sigma ends a word when a cased letter stands before it and none after, looking through ignorable ones.
bool is_final_sigma(std::string_view utf8, size_t begin, size_t end) {
  char32_t before = 0;
  while (begin > 0) {
    before = last_code_point(utf8.substr(0, begin));
    if (!is_in(kCaseIgnorable, before)) break;
    do {
      --begin;
    } while ((static_cast<unsigned char>(utf8[begin]) & 0xC0) == 0x80);
  }
  if (begin == 0 || !is_cased(before)) return false;
  for (CodePoints at(utf8, end); at; at.advance()) {
    if (!is_in(kCaseIgnorable, *at)) return !is_cased(*at);
  }
  return true;
}

constexpr char32_t kCapitalSigma = 0x3A3;
constexpr char32_t kSmallSigma = 0x3C3;
constexpr char32_t kFinalSigma = 0x3C2;

void append_lower(TextBuilder& out, const Text& text, const CodePoints& at, Trust trust) {
  if (*at != kCapitalSigma) return append_mapped(out, kLower, *at, simple_lower(*at), trust);
  out.append_code_point(is_final_sigma(text.view(), at.offset(), at.end()) ? kFinalSigma : kSmallSigma, trust);
}

template <typename Append>
TextPtr map_characters(const Text& text, Append append) {
  TextBuilder out = builder_for(text);
  TrustReader trust(text);
  for (CodePoints at(text.bytes); at; at.advance()) append(out, at, trust.at(at.offset()));
  return out.take(text.markup);
}

template <typename Map>
TextPtr map_ascii(const Text& text, Map map) {
  auto mapped = std::make_shared<Text>(text);
  std::transform(mapped->bytes.begin(), mapped->bytes.end(), mapped->bytes.begin(), map);
  return mapped;
}

}  // namespace

void CodePoints::load() {
  if (offset_ >= utf8_.size()) return;
  const auto byte = static_cast<unsigned char>(utf8_[offset_]);
  if (byte < 0x80) {
    code_point_ = byte;
    bytes_ = 1;
    return;
  }
  const utf8::Decoded decoded = utf8::decode(utf8_.substr(offset_));
  code_point_ = decoded.code_point;
  bytes_ = decoded.bytes;
}

char32_t last_code_point(std::string_view utf8) {
  size_t start = utf8.size() - 1;
  while (start > 0 && (static_cast<unsigned char>(utf8[start]) & 0xC0) == 0x80) --start;
  return utf8::decode(utf8.substr(start)).code_point;
}

bool is_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x1F);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_line_break(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

bool is_alpha(char32_t c) {
  if (c < 0x80) return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
  const auto kind = category(c);
  return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}

bool is_decimal(char32_t c) {
  if (c < 0x80) return c >= '0' && c <= '9';
  return category(c) == UTF8PROC_CATEGORY_ND;
}

bool is_digit(char32_t c) { return is_decimal(c) || is_in(kDigits, c); }

bool is_numeric(char32_t c) {
  if (c < 0x80) return c >= '0' && c <= '9';
  const auto kind = category(c);
  return (kind >= UTF8PROC_CATEGORY_ND && kind <= UTF8PROC_CATEGORY_NO) || is_in(kNumerics, c);
}

bool is_alnum(char32_t c) { return is_alpha(c) || is_decimal(c) || is_digit(c) || is_numeric(c); }

bool is_upper(char32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z';
  return category(c) == UTF8PROC_CATEGORY_LU || is_in(kOtherUppercase, c);
}

bool is_lower(char32_t c) {
  if (c < 0x80) return c >= 'a' && c <= 'z';
  return category(c) == UTF8PROC_CATEGORY_LL || is_in(kOtherLowercase, c);
}

bool is_title(char32_t c) { return c >= 0x80 && category(c) == UTF8PROC_CATEGORY_LT; }

bool is_printable(char32_t c) {
  if (c < 0x80) return c >= 0x20 && c < 0x7F;
  switch (category(c)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS: return false;
    default: return true;
  }
}

bool is_identifier_start(char32_t c) { return c == '_' || is_alpha(c) || category(c) == UTF8PROC_CATEGORY_NL; }

bool is_identifier_part(char32_t c) {
  if (is_identifier_start(c)) return true;
  const auto kind = category(c);
  return kind == UTF8PROC_CATEGORY_MN || kind == UTF8PROC_CATEGORY_MC || kind == UTF8PROC_CATEGORY_ND ||
         kind == UTF8PROC_CATEGORY_PC;
}

TextPtr to_upper(const Text& text) {
  if (text.is_ascii()) {
    return map_ascii(text, [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  }
  return map_characters(text, [](TextBuilder& out, const CodePoints& at, Trust t) { append_upper(out, *at, t); });
}

TextPtr to_lower(const Text& text) {
  if (text.is_ascii()) {
    return map_ascii(text, [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  }
  return map_characters(text, [&](TextBuilder& out, const CodePoints& at, Trust t) { append_lower(out, text, at, t); });
}

TextPtr to_title(const Text& text) {
  bool in_word = false;
  return map_characters(text, [&](TextBuilder& out, const CodePoints& at, Trust trust) {
    if (in_word) {
      append_lower(out, text, at, trust);
    } else {
      append_title(out, *at, trust);
    }
    in_word = is_cased(*at);
  });
}

TextPtr to_capitalized(const Text& text) {
  return map_characters(text, [&](TextBuilder& out, const CodePoints& at, Trust trust) {
    if (at.offset() == 0) return append_title(out, *at, trust);
    append_lower(out, text, at, trust);
  });
}

TextPtr to_swapped_case(const Text& text) {
  return map_characters(text, [&](TextBuilder& out, const CodePoints& at, Trust trust) {
    if (is_upper(*at)) return append_lower(out, text, at, trust);
    if (is_lower(*at)) return append_upper(out, *at, trust);
    out.append_code_point(*at, trust);
  });
}

TextPtr to_casefolded(const Text& text) {
  return map_characters(text, [](TextBuilder& out, const CodePoints& at, Trust trust) {
    append_mapped(out, kFold, *at, simple_lower(*at), trust);
  });
}

}  // namespace mlxserving::text::jinja
