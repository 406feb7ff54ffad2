#include "text/regex.h"

#include <gtest/gtest.h>

namespace mlxserving::text {
namespace {

// What a pattern finds in a text, in bars. Expectations were printed by the reference.
std::string found(const std::string& pattern, const std::string& text) {
  const auto regex = Regex::compile(pattern, "pattern");
  if (!regex) return regex.error().message;
  std::vector<Match> matches;
  if (!(*regex)->find(text, matches)) return "gives up";
  std::string out;
  for (const Match& m : matches) {
    if (m.is_match) out += "|" + text.substr(m.begin, m.end - m.begin);
  }
  return out;
}

TEST(Regex, numerals_of_latin1_are_words_but_not_in_brackets) {
  EXPECT_EQ(found(R"(\w+)", "a²½ª b"), "|a²½ª|b");
  EXPECT_EQ(found(R"(\p{Word}+)", "a²½ª b"), "|a²½ª|b");
  EXPECT_EQ(found(R"([\w-]+)", "a²½ª b"), "|a|ª|b");
  EXPECT_EQ(found(R"([[:word:]]+)", "a²½ª b"), "|a|ª|b");
  EXPECT_EQ(found(R"([^\w ]+)", "a²½ª b"), "|²½");
}

TEST(Regex, symbols_are_punctuation_in_a_posix_bracket_alone) {
  EXPECT_EQ(found(R"([[:punct:]]+)", "a+.€😀b"), "|+.€😀");
  EXPECT_EQ(found(R"([[:^punct:]]+)", "a+.€😀b"), "|a|b");
  EXPECT_EQ(found(R"(\p{P}+)", "a+.€😀b"), "|.");
}

TEST(Regex, a_colon_at_the_front_of_brackets_is_a_colon) {
  EXPECT_EQ(found(R"([:\s]+|[a:])", "b: \tac"), "|: \t|a");
  EXPECT_EQ(found(R"([^[:digit:]:]+)", "a1:b"), "|a|b");
}

TEST(Regex, syntax_is_oniguruma_s_own) {
  EXPECT_EQ(found(R"(\O{1,3})", "a\nbc"), "|a\nb|c");
  EXPECT_EQ(found(R"(\N+)", "a\nbc"), "|a|bc");
}

}  // namespace
}  // namespace mlxserving::text
