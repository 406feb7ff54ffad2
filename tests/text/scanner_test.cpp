#include "text/scanner.h"

#include <gtest/gtest.h>

#include <random>

#include "core/utf8.h"
#include "text/regex.h"
#include "text/unicode.h"

namespace mlxserving::text {
namespace {

std::string show(std::string_view text, const std::vector<Match>& matches) {
  std::string out;
  for (const Match& m : matches) {
    out += m.is_match ? "[" : "(";
    out += text.substr(m.begin, m.end - m.begin);
    out += m.is_match ? "]" : ")";
  }
  return out;
}

// Characters of every class that patterns tell apart, often in runs.
std::string random_text(std::mt19937& random) {
  constexpr char32_t kCharacters[] = {
      U'a',      U'T',      U's',      U'S',  U'l',  U'1',      U'9',      U' ',      U' ',      U'\n',
      U'\r',     U'\t',     U'\'',     U'\'', U'.',  U'/',      U'$',      U'r',      U'e',      U'é',
      U'É',      U'ǅ',      U'ʰ',      U'你', U'あ', U'\u0301', U'\u0903', U'²',      U'Ⅷ',      U'٣',
      U'\u00A0', U'\u3000', U'\u0085', U'ſ',  U'…',  U'€',      U'😀',     U'\u200D', U'\u00AD', U'\U000323AF'};
  std::string text;
  for (size_t n = random() % 24; n > 0; --n) {
    const char32_t c = kCharacters[random() % std::size(kCharacters)];
    for (size_t run = random() % 4 == 0 ? random() % 5 : 1; run > 0; --run) utf8::append(text, c);
  }
  return text;
}

TEST(Scanner, every_recognised_pattern_cuts_as_the_regular_expression_does) {
  std::mt19937 random(20260726);
  const auto patterns = recognised_patterns();
  EXPECT_GT(patterns.size(), 50U);
  for (const std::string& pattern : patterns) {
    const auto scanner = recognise(pattern);
    const auto regex = Regex::compile(pattern, "pattern").value();
    for (int round = 0; round < 60; ++round) {
      const std::string text = random_text(random);
      std::vector<Match> fast;
      std::vector<Match> slow;
      scanner->find(text, fast);
      ASSERT_TRUE(regex->find(text, slow).ok());
      ASSERT_EQ(show(text, fast), show(text, slow)) << pattern;
    }
  }
}

TEST(Scanner, an_unknown_pattern_is_left_to_the_engine) {
  EXPECT_EQ(recognise("\\w+"), nullptr);
  EXPECT_EQ(recognise(std::string(gpt2_pattern()) + "|x"), nullptr);
  EXPECT_EQ(recognise(""), nullptr);
}

TEST(Regex, classes_are_ours_and_not_the_librarys) {
  const auto regex = Regex::compile("\\p{L}+", "p").value();
  std::vector<Match> matches;
  ASSERT_TRUE(regex->find("\U000323AF1", matches).ok());  // a letter since Unicode 15
  EXPECT_EQ(show("\U000323AF1", matches), "[\U000323AF](1)");
}

TEST(Regex, a_broken_pattern_is_named) {
  const auto broken = Regex::compile("(a", "pre_tokenizer.pattern.Regex");
  ASSERT_FALSE(broken.ok());
  EXPECT_NE(broken.error().message.find("pre_tokenizer.pattern.Regex"), std::string::npos);
  EXPECT_FALSE(Regex::compile(std::string(kRegexBytesMax + 1, 'a'), "p").ok());
  EXPECT_TRUE(Regex::compile(std::string(kRegexBytesMax, 'a'), "p").ok());
}

TEST(Regex, a_pattern_that_explodes_is_an_error_and_does_not_hang) {
  const auto regex = Regex::compile("(?:a|aa)+\\z", "p").value();
  std::vector<Match> matches;
  const auto found = regex->find(std::string(60, 'a') + "c", matches);
  ASSERT_FALSE(found.ok());
  EXPECT_NE(found.error().message.find("limit"), std::string::npos);
}

}  // namespace
}  // namespace mlxserving::text
