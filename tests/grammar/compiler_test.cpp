// Compiling away from the engine: once for each content, with a deadline.
#include <gtest/gtest.h>

#include <thread>

#include "byte_vocabulary.h"
#include "grammar/compiler.h"

namespace mlxserving::grammar {
namespace {

Compiler::MakeVocabulary bytes() {
  return [] { return Result<std::shared_ptr<const Vocabulary>>(byte_vocabulary()); };
}

TEST(Compiler, compiles_each_content_once) {
  Compiler compiler(bytes());
  const auto first = compiler.compile(RegexConstraint{"a+"});
  const auto again = compiler.compile(RegexConstraint{"a+"});
  const auto other = compiler.compile(GbnfConstraint{"root ::= \"a\""});
  ASSERT_TRUE(first.ok() && again.ok() && other.ok());
  EXPECT_EQ(*first, *again);
  EXPECT_NE(*first, *other);
}

TEST(Compiler, tells_contents_apart_by_every_field) {
  JsonSchemaConstraint compact{"true", {.space = JsonLayout::Space::compact}};
  EXPECT_NE(content_key(compact), content_key(JsonSchemaConstraint{"true"}));
  EXPECT_NE(content_key(ChoiceConstraint{{"ab", "c"}}), content_key(ChoiceConstraint{{"a", "bc"}}));
  EXPECT_NE(content_key(RegexConstraint{"a"}), content_key(LarkConstraint{"a"}));
}

// A vocabulary that takes the processor so long.
Compiler::MakeVocabulary slow_bytes(std::chrono::milliseconds work) {
  return [work] {
    const ThreadClock clock = ThreadClock::of_this_thread();
    for (const auto begin = clock.used(); clock.used() - begin < work;) {
    }
    return Result<std::shared_ptr<const Vocabulary>>(byte_vocabulary());
  };
}

TEST(Compiler, counts_the_processors_time_and_not_the_clock) {
  Compiler compiler(
      [] {
        std::this_thread::sleep_for(std::chrono::milliseconds(150));
        return Result<std::shared_ptr<const Vocabulary>>(byte_vocabulary());
      },
      {.deadline = std::chrono::milliseconds(50)});
  EXPECT_TRUE(compiler.compile(RegexConstraint{"a"}).ok());
}

TEST(Compiler, loses_patience_where_its_turn_does_not_come) {
  Compiler compiler(slow_bytes(std::chrono::milliseconds(100)), {.patience = std::chrono::milliseconds(10)});
  const auto late = compiler.compile(RegexConstraint{"a"});
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code, ErrorCode::timeout);
}

TEST(Compiler, keeps_to_its_deadline_and_finds_the_work_done_later) {
  Compiler compiler(slow_bytes(std::chrono::milliseconds(150)), {.deadline = std::chrono::milliseconds(20)});
  const auto late = compiler.compile(RegexConstraint{"a"});
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code, ErrorCode::timeout);
  for (int i = 0; i < 100 && !compiler.compile(RegexConstraint{"a"}); ++i) {
  }
  EXPECT_TRUE(compiler.compile(RegexConstraint{"a"}).ok());
}

TEST(Compiler, hands_on_what_cannot_be_compiled) {
  Compiler compiler(bytes());
  EXPECT_EQ(compiler.compile(RegexConstraint{"("}).error().code, ErrorCode::invalid_request);
  EXPECT_EQ(compiler.compile(Constraint()).error().param, "constraint");
}

TEST(Compiler, begins_anew_where_a_grammar_is_worn_out) {
  Compiler::Limits limits;
  limits.compile.rules.lexicon.states_max = 64;
  Compiler compiler(bytes(), limits);
  const auto first = compiler.compile(RegexConstraint{"[a-z]{50}"});
  ASSERT_TRUE(first.ok());
  Matcher matcher(*first);
  for (int i = 0; i < 45; ++i) ASSERT_TRUE(matcher.accept('a'));
  EXPECT_TRUE((*first)->is_worn());
  const auto second = compiler.compile(RegexConstraint{"[a-z]{50}"});
  ASSERT_TRUE(second.ok());
  EXPECT_NE(*first, *second);
}

}  // namespace
}  // namespace mlxserving::grammar
