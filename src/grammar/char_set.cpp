#include "grammar/char_set.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/utf8.h"

namespace mlxserving::grammar {
namespace {

constexpr std::string_view kShortEscapes = "\"\\\b\f\n\r\t";
constexpr std::string_view kShortLetters = "\"\\bfnrt";

std::string json_escape(char32_t c) {
  if (c < 0x80) {
    const size_t at = kShortEscapes.find(static_cast<char>(c));
    if (at != std::string_view::npos && c != 0) return std::string("\\") + kShortLetters[at];
  }
  return c < 0x20 ? fmt::format("\\u{:04x}", static_cast<uint32_t>(c)) : std::string();
}

std::string xml_escape(char32_t c, bool is_attribute) {
  switch (c) {
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '&': return "&amp;";
    case '\r': return "&#13;";
    case '"': return is_attribute ? "&quot;" : "";
    case '\t': return is_attribute ? "&#9;" : "";
    case '\n': return is_attribute ? "&#10;" : "";
    default: return "";
  }
}

// The escape of `c`, or nothing where it stands for itself.
std::string escape_of(char32_t c, Spelling spelling) {
  switch (spelling) {
    case Spelling::utf8: return "";
    case Spelling::json_string: return json_escape(c);
    case Spelling::xml_text: return xml_escape(c, false);
    case Spelling::xml_attribute: return xml_escape(c, true);
  }
  return "";
}

bool is_xml_char(char32_t c) { return c >= 0x20 || c == '\t' || c == '\n' || c == '\r'; }

size_t encode(char32_t c, uint8_t out[4]) {
  std::string bytes;
  utf8::append(bytes, c);
  for (size_t i = 0; i < bytes.size(); ++i) out[i] = static_cast<uint8_t>(bytes[i]);
  return bytes.size();
}

// Code points lo..hi of equal length in UTF-8, split so that each piece is a product of byte ranges.
void add_utf8(RegexPool& pool, char32_t lo, char32_t hi, std::vector<RegexId>& out) {
  uint8_t first[4], last[4];
  const size_t bytes = encode(lo, first);
  encode(hi, last);
  for (size_t i = 1; i < bytes; ++i) {
    const char32_t mask = (char32_t{1} << (6 * i)) - 1;
    if ((lo & ~mask) == (hi & ~mask)) continue;
    if ((lo & mask) != 0) {
      add_utf8(pool, lo, lo | mask, out);
      add_utf8(pool, (lo | mask) + 1, hi, out);
      return;
    }
    if ((hi & mask) != mask) {
      add_utf8(pool, lo, (hi & ~mask) - 1, out);
      add_utf8(pool, hi & ~mask, hi, out);
      return;
    }
  }
  RegexId sequence = kEmptyText;
  for (size_t i = bytes; i-- > 0;) sequence = pool.concat(pool.bytes(ByteSet::range(first[i], last[i])), sequence);
  out.push_back(sequence);
}

void add_range(RegexPool& pool, char32_t lo, char32_t hi, std::vector<RegexId>& out) {
  static constexpr CharSet::Range kLengths[] = {
      {0, 0x7F}, {0x80, 0x7FF}, {0x800, 0xD7FF}, {0xE000, 0xFFFF}, {0x10000, 0x10FFFF}};
  for (const auto& length : kLengths) {
    const char32_t from = std::max(lo, length.lo);
    const char32_t to = std::min(hi, length.hi);
    if (from <= to) add_utf8(pool, from, to, out);
  }
}

}  // namespace

CharSet& CharSet::add(char32_t lo, char32_t hi) {
  if (lo > hi) return *this;
  ranges_.push_back({lo, hi});
  std::ranges::sort(ranges_, {}, &Range::lo);
  std::vector<Range> merged;
  for (const Range& range : ranges_) {
    if (!merged.empty() && range.lo <= merged.back().hi + 1) {
      merged.back().hi = std::max(merged.back().hi, range.hi);
    } else {
      merged.push_back(range);
    }
  }
  ranges_ = std::move(merged);
  return *this;
}

CharSet& CharSet::add(const CharSet& other) {
  const std::vector<Range> copied = other.ranges_;
  for (const Range& range : copied) add(range.lo, range.hi);
  return *this;
}

CharSet& CharSet::negate() {
  std::vector<Range> gaps;
  char32_t next = 0;
  for (const Range& range : ranges_) {
    if (next < range.lo) gaps.push_back({next, range.lo - 1});
    next = range.hi + 1;
  }
  if (next <= 0x10FFFF) gaps.push_back({next, 0x10FFFF});
  ranges_ = std::move(gaps);
  return *this;
}

bool CharSet::has(char32_t c) const {
  return std::ranges::any_of(ranges_, [c](const Range& range) { return range.lo <= c && c <= range.hi; });
}

RegexId spell(RegexPool& pool, const CharSet& set, Spelling spelling) {
  constexpr char32_t kLastEscaped = '\\';  // none that is escaped is above
  const bool is_xml = spelling == Spelling::xml_text || spelling == Spelling::xml_attribute;
  std::vector<RegexId> parts;
  for (const CharSet::Range& range : set.ranges()) {
    if (spelling == Spelling::utf8 || (!is_xml && range.lo > kLastEscaped)) {
      add_range(pool, range.lo, range.hi, parts);
      continue;
    }
    for (char32_t c = range.lo; c <= range.hi && c <= kLastEscaped; ++c) {
      if (is_xml && !is_xml_char(c)) continue;
      const std::string escape = escape_of(c, spelling);
      if (escape.empty()) {
        add_range(pool, c, c, parts);
      } else {
        parts.push_back(pool.literal(escape));
      }
    }
    const char32_t lo = std::max<char32_t>(range.lo, kLastEscaped + 1);
    if (is_xml) {  // U+FFFE and U+FFFF are no characters of XML
      add_range(pool, lo, std::min<char32_t>(range.hi, 0xFFFD), parts);
      add_range(pool, std::max<char32_t>(lo, 0x10000), range.hi, parts);
    } else {
      add_range(pool, lo, range.hi, parts);
    }
  }
  return pool.any_of(std::move(parts));
}

std::string spell(std::string_view text, Spelling spelling) {
  if (spelling == Spelling::utf8) return std::string(text);
  std::string out;
  for (const char c : text) {
    const std::string escape = escape_of(static_cast<uint8_t>(c), spelling);
    out += escape.empty() ? std::string(1, c) : escape;
  }
  return out;
}

}  // namespace mlxserving::grammar
