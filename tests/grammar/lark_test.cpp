// Lark's notation: what it lets through, and what is refused before generation.
#include <gtest/gtest.h>

#include <string>

#include "byte_vocabulary.h"
#include "grammar/compile.h"

namespace mlxserving::grammar {
namespace {

std::shared_ptr<Grammar> lark(const std::string& text) {
  const auto compiled = compile(LarkConstraint{text}, byte_vocabulary());
  EXPECT_TRUE(compiled.ok()) << compiled.error().message;
  return compiled.ok() ? *compiled : nullptr;
}

TEST(Lark, runs_a_calculator_with_ignored_white_space) {
  const auto grammar = lark(R"lark(
    // the usual example
    ?start: sum
    ?sum: product
        | sum "+" product   -> add
        | sum "-" product   -> sub
    ?product: atom
        | product "*" atom  -> mul
    ?atom: NUMBER           -> number
        | "-" atom          -> neg
        | "(" sum ")"
    %import common.NUMBER
    %import common.WS_INLINE
    %ignore WS_INLINE
  )lark");
  for (const char* text : {"1", "1+2*3", " 1 + (2.5e3 -\t-4) ", "-(-1)"}) EXPECT_TRUE(accepts(grammar, text)) << text;
  for (const char* text : {"", "1+", "(1", "1 2", "a", "1\n+2"}) EXPECT_FALSE(accepts(grammar, text)) << text;
}

TEST(Lark, knows_flags_ranges_repeats_and_options) {
  const auto grammar = lark(R"(
    start: "select"i COLUMN ~ 2..3 [LIMIT] TAIL{1,2}
    COLUMN: " " "a".."c"
    LIMIT.2: / limit \d+/i
    TAIL: /;(?!;;)/
  )");
  for (const char* text : {"select a b;", "SeLeCt a b c LIMIT 10;;"}) EXPECT_TRUE(accepts(grammar, text)) << text;
  for (const char* text : {"select a;", "select a b c a;", "select a d;", "select a b;;;"})
    EXPECT_FALSE(accepts(grammar, text)) << text;
}

TEST(Lark, expands_templates) {
  const auto grammar = lark(R"(
    _list{item, sep}: item (sep item)*
    start: "[" _list{NAME, ","} "]" | _list{NUM, ";"}
    NAME: /[a-z]+/
    NUM: /[0-9]/
  )");
  for (const char* text : {"[a,bc]", "1;2;3"}) EXPECT_TRUE(accepts(grammar, text)) << text;
  for (const char* text : {"[1]", "[a;b]", "1,2"}) EXPECT_FALSE(accepts(grammar, text)) << text;
}

TEST(Lark, refuses_what_it_cannot_run_naming_the_line) {
  for (const auto& [text, what] : {std::pair{"start: missing", "missing"},
                                   {"a: \"x\"", "start"},
                                   {"start: \"a\n", "line 1"},
                                   {"start: A\n%import other.A", "line 2"},
                                   {"start: /a(b/", "missing )"},
                                   {"start: t{\"a\"}\n", "template"},
                                   {"start: \"a\"\nstart: \"b\"", "twice"}}) {
    const auto compiled = compile(LarkConstraint{text}, byte_vocabulary());
    ASSERT_FALSE(compiled.ok()) << text;
    EXPECT_NE(compiled.error().message.find(what), std::string::npos) << compiled.error().message;
  }
}

}  // namespace
}  // namespace mlxserving::grammar
