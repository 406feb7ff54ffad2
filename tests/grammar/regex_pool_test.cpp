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

}  // namespace
}  // namespace mlxserving::grammar
