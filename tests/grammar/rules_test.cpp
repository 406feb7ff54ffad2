// Textual grammars: what they let through, and what is refused before generation.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "byte_vocabulary.h"
#include "grammar/compile.h"

namespace mlxserving::grammar {
namespace {

TEST(Gbnf, runs_a_recursive_grammar) {
  const auto grammar = compile_gbnf(R"gbnf(
# arithmetic
root ::= expr
expr ::= term (("+" | "-") term)*
term ::= [0-9]+ | "(" expr ")"
)gbnf",
                                    byte_vocabulary());
  ASSERT_TRUE(grammar.ok()) << grammar.error().message;
  for (const char* text : {"1", "1+2", "(1-(23))+4"}) EXPECT_TRUE(accepts(*grammar, text)) << text;
  for (const char* text : {"", "1+", "(1", "1)", "a"}) EXPECT_FALSE(accepts(*grammar, text)) << text;
}

TEST(Gbnf, counts_repeats_of_recursive_groups) {
  const auto grammar = compile_gbnf("root ::= (pair \",\"){2,3}\npair ::= \"<\" pair? \">\"", byte_vocabulary());
  ASSERT_TRUE(grammar.ok()) << grammar.error().message;
  for (const char* text : {"<>,<>,", "<<>>,<>,<<<>>>,"}) EXPECT_TRUE(accepts(*grammar, text)) << text;
  for (const char* text : {"<>,", "<>,<>,<>,<>,", "<>,<,"}) EXPECT_FALSE(accepts(*grammar, text)) << text;
}

TEST(Gbnf, rewrites_direct_left_recursion) {
  const auto grammar = compile_gbnf("root ::= root \"+\" [0-9] | [0-9]", byte_vocabulary());
  ASSERT_TRUE(grammar.ok()) << grammar.error().message;
  EXPECT_TRUE(accepts(*grammar, "1+2+3"));
  EXPECT_FALSE(accepts(*grammar, "+1"));
}

TEST(Gbnf, refuses_what_is_wrong_naming_it) {
  const auto vocabulary = byte_vocabulary();
  for (const auto& [text, what] : {std::pair{"root ::= missing", "missing"},
                                   {"a ::= \"x\"", "root"},
                                   {"root ::= a\na ::= b \"x\"\nb ::= a | \"y\"", "begins with itself"},
                                   {"root ::= \"a", "unexpected end"},
                                   {"root ::= \"a\"{3,1}", "counts"}}) {
    const auto grammar = compile_gbnf(text, vocabulary);
    ASSERT_FALSE(grammar.ok()) << text;
    EXPECT_NE(grammar.error().message.find(what), std::string::npos) << grammar.error().message;
  }
}

TEST(Gbnf, deep_nesting_of_the_text_costs_no_stack) {
  const auto grammar = compile_gbnf("root ::= \"(\" root? \")\"", byte_vocabulary());
  ASSERT_TRUE(grammar.ok());
  const std::string open(20'000, '('), close(20'000, ')');
  EXPECT_TRUE(accepts(*grammar, open + close));
  EXPECT_FALSE(accepts(*grammar, open + close + ")"));
}

TEST(Regex, matches_the_whole_text) {
  const auto grammar = compile_regex("\\d{3}-[a-c]+|x", byte_vocabulary());
  ASSERT_TRUE(grammar.ok());
  for (const char* text : {"123-abc", "x"}) EXPECT_TRUE(accepts(*grammar, text)) << text;
  for (const char* text : {"123-", "1234-a", "xx", ""}) EXPECT_FALSE(accepts(*grammar, text)) << text;
}

TEST(Choices, are_exactly_those_given) {
  const std::vector<std::string> choices{"yes", "no", "not sure"};
  const auto grammar = compile_choices(choices, byte_vocabulary());
  ASSERT_TRUE(grammar.ok());
  for (const std::string& text : choices) EXPECT_TRUE(accepts(*grammar, text)) << text;
  for (const char* text : {"", "yesno", "maybe", "not"}) EXPECT_FALSE(accepts(*grammar, text)) << text;
  EXPECT_FALSE(compile_choices({}, byte_vocabulary()).ok());
}

TEST(Matcher, forced_bytes_are_those_without_alternative) {
  const std::vector<std::string> choices{"alpha-one", "alpha-two"};
  Matcher matcher(compile_choices(choices, byte_vocabulary()).value());
  EXPECT_EQ(matcher.forced_bytes(), "alpha-");
  ASSERT_TRUE(matcher.accept_bytes("alpha-o"));
  EXPECT_EQ(matcher.forced_bytes(), "ne");
}

TEST(Matcher, an_end_token_ends_only_what_is_complete) {
  Matcher matcher(compile_regex("ab?", byte_vocabulary()).value());
  EXPECT_FALSE(matcher.accept(256));
  ASSERT_TRUE(matcher.accept('a'));
  EXPECT_TRUE(matcher.is_complete());
  EXPECT_FALSE(matcher.must_end());
  Matcher fork = matcher;
  ASSERT_TRUE(fork.accept('b'));
  EXPECT_TRUE(fork.must_end());
  ASSERT_TRUE(matcher.accept(256));
  EXPECT_TRUE(matcher.is_ended());
  EXPECT_FALSE(matcher.accept('b'));
  ASSERT_TRUE(matcher.rollback(1));
  EXPECT_TRUE(matcher.accept('b'));
}

}  // namespace
}  // namespace mlxserving::grammar
