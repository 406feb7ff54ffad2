#include "grammar/unicode_class.h"

#include <utf8proc.h>

#include <array>
#include <string>

namespace mlxserving::grammar {
namespace {

struct LongName {
  std::string_view name, category;
};

constexpr std::array kLongNames = {
    LongName{"Letter", "L"},
    LongName{"Mark", "M"},
    LongName{"Number", "N"},
    LongName{"Punctuation", "P"},
    LongName{"Symbol", "S"},
    LongName{"Separator", "Z"},
    LongName{"Other", "C"},
    LongName{"Alphabetic", "L"},
    LongName{"Uppercase_Letter", "Lu"},
    LongName{"Lowercase_Letter", "Ll"},
    LongName{"Decimal_Number", "Nd"},
};

}  // namespace

std::optional<CharSet> unicode_class(std::string_view name) {
  for (const std::string_view prefix : {"General_Category=", "gc="}) {
    if (name.substr(0, prefix.size()) == prefix) name.remove_prefix(prefix.size());
  }
  for (const LongName& entry : kLongNames) {
    if (entry.name == name) name = entry.category;
  }
  if (name.empty() || name.size() > 2) return std::nullopt;
  CharSet set;
  std::optional<char32_t> start;
  for (char32_t c = 0; c <= 0x110000; ++c) {
    const bool is_in =
        c < 0x110000 &&
        std::string_view(utf8proc_category_string(static_cast<utf8proc_int32_t>(c))).substr(0, name.size()) == name;
    if (is_in && !start) start = c;
    if (!is_in && start) {
      set.add(*start, c - 1);
      start.reset();
    }
  }
  if (set.is_empty()) return std::nullopt;
  return set;
}

char32_t other_case(char32_t c) {
  const auto point = static_cast<utf8proc_int32_t>(c);
  const utf8proc_int32_t lower = utf8proc_tolower(point);
  return static_cast<char32_t>(lower != point ? lower : utf8proc_toupper(point));
}

}  // namespace mlxserving::grammar
