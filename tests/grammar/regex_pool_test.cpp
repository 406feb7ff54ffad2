// Which languages are empty: asked of every state that a mask sees, so it must be cheap where the answer is plain.
#include "grammar/regex_pool.h"

#include <gtest/gtest.h>

#include <string>

namespace mlxserving::grammar {
namespace {

// Up to 20 words of lower-case letters, at most `bytes_max` bytes together.
RegexId words_below(RegexPool& pool, uint32_t bytes_max) {
  const RegexId letters = pool.repeat(pool.bytes(ByteSet::range('a', 'z')), 1, kUnbounded);
  const RegexId spaces = pool.repeat(pool.literal(" "), 1, kUnbounded);
  const RegexId words = pool.concat(pool.repeat(pool.concat(letters, spaces), 0, 19), letters);
  const RegexId any = pool.any_of({pool.bytes(ByteSet::range('a', 'z')), pool.literal(" ")});
  return pool.all_of({words, pool.repeat(any, 0, bytes_max)});
}

TEST(RegexPool, tells_words_below_a_length_from_nothing_without_searching) {
  RegexPool pool({.emptiness_steps_max = 100});
  RegexId at = words_below(pool, 120);
  for (int i = 0; i < 119; ++i) {
    at = pool.derive(at, i % 6 == 5 ? ' ' : 'a');
    ASSERT_FALSE(pool.is_empty(at)) << i;
  }
  EXPECT_TRUE(pool.is_empty(pool.derive(at, ' '))) << "a space in the last place leaves none for a word";
  EXPECT_FALSE(pool.is_empty(pool.derive(at, 'a')));
  EXPECT_FALSE(pool.is_exhausted());
}

TEST(RegexPool, has_nothing_where_parts_exclude_each_other) {
  RegexPool pool;
  const RegexId a = pool.repeat(pool.literal("a"), 1, kUnbounded), b = pool.repeat(pool.literal("b"), 1, kUnbounded);
  EXPECT_TRUE(pool.is_empty(pool.all_of({a, b})));
  EXPECT_TRUE(pool.is_empty(pool.concat(pool.literal("x"), pool.all_of({a, b}))));
  EXPECT_FALSE(pool.is_empty(pool.any_of({pool.all_of({a, b}), pool.minus(a, pool.literal("a"))})));
  EXPECT_TRUE(pool.is_empty(pool.minus(pool.repeat(a, 2, 3), a)));
}

// A JSON string of so many letters, with \n for a line end.
RegexId string_of(RegexPool& pool, uint32_t min, uint32_t max) {
  const RegexId letter = pool.any_of({pool.bytes(ByteSet::range('a', 'z')), pool.literal("\\n")});
  return pool.concat({pool.literal("\""), pool.repeat(letter, min, max), pool.literal("\"")});
}

TEST(RegexPool, joins_the_counts_of_one_unit) {
  RegexPool pool;
  EXPECT_EQ(pool.all_of({string_of(pool, 2, 9), string_of(pool, 5, kUnbounded)}), string_of(pool, 5, 9));
  EXPECT_EQ(pool.minus(string_of(pool, 0, kUnbounded), string_of(pool, 0, 32'767)),
            string_of(pool, 32'768, kUnbounded));
  const RegexId outside = pool.minus(string_of(pool, 1, 9), string_of(pool, 3, 4));
  EXPECT_EQ(outside, pool.any_of({string_of(pool, 1, 2), string_of(pool, 5, 9)}));
  EXPECT_EQ(pool.minus(string_of(pool, 3, 4), string_of(pool, 1, 9)), kNothing);
}

TEST(RegexPool, does_not_join_counts_of_units_that_can_be_cut_in_two_ways) {
  RegexPool pool;
  const RegexId unit = pool.any_of({pool.literal("a"), pool.literal("aa")});
  const RegexId rest = pool.minus(pool.repeat(unit, 1, 3), pool.repeat(unit, 2, 2));
  EXPECT_TRUE(pool.matches(rest, "a"));  // one unit, and never two
  EXPECT_FALSE(pool.matches(rest, "aa")) << "two units of one letter";
  EXPECT_FALSE(pool.matches(rest, "aaa"));
  EXPECT_TRUE(pool.matches(rest, "aaaaa"));
}

TEST(RegexPool, sees_that_a_text_with_a_word_in_it_is_a_text) {
  RegexPool pool({.emptiness_steps_max = 1});
  const RegexId letter = pool.bytes(ByteSet::range('a', 'z')), any = pool.repeat(letter, 0, kUnbounded);
  const RegexId with_word = pool.concat({any, pool.literal("word"), any});
  EXPECT_EQ(pool.all_of({with_word, pool.negate(any)}), kNothing);
  EXPECT_EQ(pool.minus(pool.any_of({with_word, pool.repeat(letter, 2, 5)}), any), kNothing);
  EXPECT_NE(pool.minus(any, with_word), kNothing);
}

}  // namespace
}  // namespace mlxserving::grammar
