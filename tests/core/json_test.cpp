#include "core/json.h"

#include <gtest/gtest.h>

namespace mlxserving {
namespace {

std::string nested(int depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(Json, depth_limit_is_tested_below_at_and_above) {
  const JsonLimits limits{.depth_max = 8};
  EXPECT_TRUE(parse_json(nested(7), "x", limits));
  EXPECT_TRUE(parse_json(nested(8), "x", limits));
  const auto deeper = parse_json(nested(9), "x", limits);
  ASSERT_FALSE(deeper);
  EXPECT_EQ(deeper.error().message, "x must be nested at most 8 deep, got 9");
}

TEST(Json, size_limit_is_tested_below_at_and_above) {
  const JsonLimits limits{.bytes_max = 4};
  EXPECT_TRUE(parse_json("123", "x", limits));
  EXPECT_TRUE(parse_json("1234", "x", limits));
  EXPECT_FALSE(parse_json("12345", "x", limits));
}

TEST(Json, a_fault_names_the_document) {
  const auto broken = parse_json("{\"a\": }", "config.json");
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().message.find("config.json is not valid JSON"), std::string::npos);
}

TEST(Json, a_fault_is_told_in_words_not_in_the_parsers_codes) {
  const auto broken = parse_json("{\"a\": }", "x");
  ASSERT_FALSE(broken);
  EXPECT_TRUE(broken.error().message.starts_with("x is not valid JSON: line 1, column 7: ")) << broken.error().message;
}

TEST(Json, what_follows_a_nul_is_not_ignored) {
  using namespace std::string_view_literals;
  const auto hidden = parse_json("{}\0garbage"sv, "x");
  ASSERT_FALSE(hidden);
  EXPECT_EQ(hidden.error().message, "x is not valid JSON: byte 2 is a NUL");
}

TEST(Json, keys_keep_their_order) { EXPECT_EQ(to_text(*parse_json(R"({"b":1,"a":2})", "x")), R"({"b":1,"a":2})"); }

}  // namespace
}  // namespace mlxserving
