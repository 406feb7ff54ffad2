#include "core/utf8.h"

#include <gtest/gtest.h>

namespace mlxserving::utf8 {
namespace {

TEST(Utf8, every_code_point_survives_a_round_trip) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    append(text, c);
    const Decoded d = decode(text);
    ASSERT_TRUE(d.valid) << static_cast<uint32_t>(c);
    ASSERT_EQ(d.code_point, c);
    ASSERT_EQ(d.bytes, text.size());
  }
}

TEST(Utf8, each_maximal_invalid_subpart_becomes_one_replacement) {
  EXPECT_EQ(to_valid("a\xE2\x82z"), "a\xEF\xBF\xBDz");                          // cut short: one
  EXPECT_EQ(to_valid("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // a surrogate: one a byte
  EXPECT_EQ(to_valid("\xF0\x9F\x98"), "\xEF\xBF\xBD");
  EXPECT_EQ(to_valid("\xC0\xAF"), "\xEF\xBF\xBD\xEF\xBF\xBD");  // overlong
  EXPECT_EQ(to_valid("\xF4\x90\x80\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Utf8, incomplete_tail_counts_only_what_can_be_completed) {
  EXPECT_EQ(incomplete_tail("abc"), 0U);
  EXPECT_EQ(incomplete_tail("ab\xE2"), 1U);
  EXPECT_EQ(incomplete_tail("ab\xE2\x82"), 2U);
  EXPECT_EQ(incomplete_tail("\xF0\x9F\x98"), 3U);
  EXPECT_EQ(incomplete_tail("\xE2\x82\xAC"), 0U);
  EXPECT_EQ(incomplete_tail("\xED\xA0"), 0U);  // would be a surrogate: never valid
  EXPECT_EQ(incomplete_tail("\x80\x80"), 0U);
}

}  // namespace
}  // namespace mlxserving::utf8
