// Sets of code points and the bytes that spell them: UTF-8, or UTF-8 inside a JSON string or XML.
#pragma once

#include <cstdint>
#include <vector>

#include "grammar/regex_pool.h"

namespace mlxserving::grammar {

// How a character is spelled. In a JSON string every character has exactly one spelling: itself, the two-letter escape
// where there is one, else \u00xx with small letters for the other control characters. In XML it is itself or
// a reference, and what XML has no character for is not spelled.
enum class Spelling : uint8_t { utf8, json_string, xml_text, xml_attribute };

class CharSet {
 public:
  struct Range {
    char32_t lo, hi;
    friend bool operator==(const Range&, const Range&) = default;
  };

  static CharSet all() { return CharSet().add(0, 0x10FFFF); }

  CharSet& add(char32_t lo, char32_t hi);
  CharSet& add(char32_t c) { return add(c, c); }
  CharSet& add(const CharSet& other);
  CharSet& negate();
  bool has(char32_t c) const;
  bool is_empty() const { return ranges_.empty(); }
  // Sorted, disjoint, not adjacent. Surrogates are never spelled.
  const std::vector<Range>& ranges() const { return ranges_; }

 private:
  std::vector<Range> ranges_;
};

RegexId spell(RegexPool& pool, const CharSet& set, Spelling spelling);

// The whole of `text`, valid UTF-8.
std::string spell(std::string_view text, Spelling spelling);

}  // namespace mlxserving::grammar
