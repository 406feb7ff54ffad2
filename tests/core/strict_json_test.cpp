#include "core/strict_json.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/similar.h"

namespace mlxserving {
namespace {

std::string fault(const std::string& text, const StrictJsonLimits& limits = {}) {
  const Result<Json> value = parse_strict_json(text, limits);
  return value ? "" : value.error().message;
}

TEST(StrictJson, reads_what_json_is_and_keeps_the_order) {
  const Result<Json> value = parse_strict_json(R"( {"b":[1,-2,3.5,{}],"a":{"x":null,"y":true},"":"é\u00e9"} )");
  ASSERT_TRUE(value);
  EXPECT_EQ(to_text(*value), R"({"b":[1,-2,3.5,{}],"a":{"x":null,"y":true},"":"éé"})");
  EXPECT_EQ(to_text(*parse_strict_json("18446744073709551615")), "18446744073709551615");
}

TEST(StrictJson, a_name_twice_in_one_object_is_a_fault_in_small_and_large_ones) {
  EXPECT_EQ(fault(R"({"a":1,"b":{"a":2},"a":3})"), "the name \"a\" occurs twice in one object");
  std::string large = "{";
  for (int i = 0; i < 100; ++i) large += "\"k" + std::to_string(i) + "\":1,";
  EXPECT_EQ(fault(large + "\"z\":1}"), "");
  EXPECT_EQ(fault(large + "\"k7\":1}"), "the name \"k7\" occurs twice in one object");
  EXPECT_EQ(fault(large + "\"k99\":1}"), "the name \"k99\" occurs twice in one object");
}

TEST(StrictJson, each_limit_holds_one_below_at_and_one_above) {
  const auto nested = [](int n) {
    return std::string(static_cast<size_t>(n), '[') + std::string(static_cast<size_t>(n), ']');
  };
  const auto members = [](int n) {
    std::string text = "{";
    for (int i = 0; i < n; ++i) text += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":0";
    return text + "}";
  };
  const auto values = [](int n) {
    std::string text = "[0";
    for (int i = 2; i < n; ++i) text += ",0";
    return text + "]";
  };
  for (const int n : {19, 20, 21}) {
    EXPECT_EQ(fault(nested(n), {.depth_max = 20}).empty(), n <= 20) << n;
    EXPECT_EQ(fault(members(n), {.members_max = 20}).empty(), n <= 20) << n;
    EXPECT_EQ(fault(values(n), {.values_max = 20}).empty(), n <= 20) << n;
  }
}

TEST(StrictJson, what_is_no_json_is_refused) {
  for (const char* text :
       {"", "{", "{]", "NaN", "[1,]", "{\"a\":1,}", "1e999", "\"\\ud800\"", "\"\xFF\"", "1 2", "'a'"}) {
    EXPECT_NE(fault(text), "") << text;
  }
}

TEST(Similar, finds_the_word_that_was_meant_and_none_that_was_not) {
  const std::string_view words[] = {"max_tokens", "temperature", "top_p"};
  EXPECT_EQ(most_similar("max_tokns", words), "max_tokens");
  EXPECT_EQ(most_similar("temprature", words), "temperature");
  EXPECT_EQ(most_similar("topp", words), "top_p");
  EXPECT_EQ(most_similar("seed", words), std::nullopt);
  EXPECT_EQ(most_similar(std::string(100'000, 'x'), words), std::nullopt);
}

TEST(StrictJson, what_follows_a_nul_is_not_ignored) {
  using namespace std::string_view_literals;
  EXPECT_FALSE(parse_strict_json("{}\0garbage"sv));
}

}  // namespace
}  // namespace mlxserving
