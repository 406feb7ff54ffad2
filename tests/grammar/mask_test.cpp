// Masks against the slow truth: a bit is set exactly where a fork of the matcher accepts the token, at every step of
// random texts, over tokens that reach across the ends of terminals.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "core/json.h"
#include "grammar/compile.h"

namespace mlxserving::grammar {
namespace {

// Bytes, and pieces of JSON as byte-pair vocabularies have them; one piece twice, one special token that spells text.
std::shared_ptr<const Vocabulary> json_vocabulary() {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  for (const char* piece : {"\"",
                            "{\"",
                            "\": ",
                            "\":",
                            "\",",
                            "\", \"",
                            "\"}",
                            "\"]",
                            "},",
                            "}, {\"",
                            "]}",
                            "}}",
                            " \"",
                            "  ",
                            "\n  ",
                            "true",
                            "false",
                            "null",
                            "12",
                            "123",
                            "0.5",
                            "1,",
                            "-1",
                            "a",
                            "ab",
                            "abc",
                            "abcdef",
                            "name",
                            "\\n",
                            "\\\"",
                            "\\u00",
                            "é",
                            "\xC3",
                            "\xA9\"",
                            "😀",
                            "[]",
                            "{}",
                            "[1",
                            "1]",
                            "a\":",
                            "b\"",
                            "\"a\"",
                            "\"\"",
                            "/",
                            ":",
                            "xyz",
                            "the quick brown fox jumps over",
                            "1e5",
                            ".25",
                            "00",
                            "2024-",
                            "-02-",
                            "29",
                            "foo",
                            "bar",
                            "12]"}) {
    tokens.emplace_back(piece);
  }
  tokens.emplace_back("a");
  tokens.emplace_back("\"a");
  const auto special = static_cast<TokenId>(tokens.size() - 1);
  tokens.emplace_back("<end>");
  const auto end = static_cast<TokenId>(tokens.size() - 1);
  return Vocabulary::create(tokens, {.end_tokens = {end}, .special_tokens = {special}, .rows = tokens.size() + 70})
      .value();
}

bool bit(const std::vector<uint64_t>& mask, TokenId token) { return (mask[token >> 6] >> (token & 63)) & 1; }

class Masks : public testing::TestWithParam<const char*> {};

TEST_P(Masks, say_what_accepting_does_and_never_lead_into_a_dead_end) {
  const auto vocabulary = json_vocabulary();
  for (const auto order : {JsonLayout::Order::declared, JsonLayout::Order::any}) {
    CompileOptions options;
    options.layout.order = order;
    const auto grammar = compile_json_schema(GetParam(), vocabulary, options);
    ASSERT_TRUE(grammar.ok()) << grammar.error().message;
    std::mt19937 random(7);
    std::vector<uint64_t> mask(vocabulary->mask_words());
    for (int walk = 0; walk < 12; ++walk) {
      Matcher matcher(*grammar);
      std::string text;
      for (int step = 0; step < 60 && !matcher.must_end(); ++step) {
        matcher.fill_mask(mask);
        std::vector<TokenId> allowed;
        for (TokenId token = 0; token < vocabulary->rows(); ++token) {
          Matcher fork = matcher;
          const bool accepted = token < vocabulary->tokens() && fork.accept(token);
          ASSERT_EQ(bit(mask, token), accepted) << "token " << token << " after " << text;
          if (accepted && vocabulary->is_text(token)) allowed.push_back(token);
        }
        ASSERT_TRUE(!allowed.empty() || matcher.is_complete()) << "dead end after " << text;
        if (allowed.empty()) break;
        TokenId token = allowed[random() % allowed.size()];
        if (step > 20 || random() % 2 == 0) {
          for (const TokenId other : allowed) {
            if (vocabulary->bytes(other).find_first_of("\"]}") != std::string_view::npos) token = other;
          }
        }
        ASSERT_TRUE(matcher.accept(token));
        text += vocabulary->bytes(token);
      }
      if (matcher.is_complete()) {
        EXPECT_TRUE(parse_json(text, "text").ok()) << text;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Schemas, Masks,
    testing::Values(
        "true",
        R"({"type": "object", "properties": {"name": {"type": "string", "maxLength": 5}, "a": {"type": "integer", "maximum": 130}}, "required": ["a"]})",
        R"({"type": "array", "items": {"type": "object", "properties": {"a": {"enum": ["a", "abc", 12]}}, "additionalProperties": false}, "uniqueItems": true, "maxItems": 4})",
        R"({"type": "object", "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1}, "minProperties": 2, "maxProperties": 3})",
        R"({"oneOf": [{"type": "object", "required": ["a"]}, {"type": "object", "required": ["name"]}]})",
        R"({"anyOf": [{"type": "string", "pattern": "^(foo|bar)+$"}, {"type": "array", "prefixItems": [{"const": 1}, {"type": "string"}], "items": false, "minItems": 1}]})",
        R"({"type": "string", "format": "date"})",
        R"({"type": "number", "multipleOf": 0.25, "minimum": -1, "maximum": 130})",
        R"({"type": "array", "contains": {"const": 12}, "items": {"type": "integer"}, "maxItems": 3})",
        R"({"type": "array", "items": {"enum": ["a", "ab", 1]}, "uniqueItems": true, "minItems": 3, "maxItems": 3})",
        R"({"type": "string", "pattern": "[0-9a-f]{4}"})",
        R"({"type": "string", "pattern": "^(\\S+\\s+){0,3}\\S+$", "maxLength": 12})",
        R"({"anyOf": [{"type": "array", "items": {"enum": ["a", "ab", 1]}, "uniqueItems": true}, {"type": "array", "maxItems": 2}]})",
        R"({"type": "array", "items": {"type": "array", "items": {"enum": [1, 12]}, "maxItems": 2}, "uniqueItems": true, "maxItems": 3})",
        R"({"properties": {"a": {"const": 1}}, "if": {"required": ["a"]}, "then": {"required": ["name"]}, "type": "object", "maxProperties": 3})"));

TEST(VocabularyTest, knows_where_a_longer_token_might_stand) {
  const auto vocabulary = json_vocabulary();
  for (const char* bytes : {"", "the quick brown", "\"", "\xC3", "{"})
    EXPECT_TRUE(vocabulary->has_longer(bytes)) << bytes;
  for (const char* bytes : {"abcdef", "zz", "true"}) EXPECT_FALSE(vocabulary->has_longer(bytes)) << bytes;
}

TEST(MasksOfRepeats, long_bounds_change_nothing_until_they_are_near) {
  const auto vocabulary = json_vocabulary();
  for (const int bound : {19, 20, 21, 22, 127, 128, 2000}) {
    const std::string schema = R"({"type": "string", "maxLength": )" + std::to_string(bound) + "}";
    const auto grammar = compile_json_schema(schema, vocabulary);
    ASSERT_TRUE(grammar.ok());
    Matcher matcher(*grammar);
    ASSERT_TRUE(matcher.accept_bytes("\"" + std::string(static_cast<size_t>(bound) - 3, 'x')));
    std::vector<uint64_t> mask(vocabulary->mask_words());
    matcher.fill_mask(mask);
    for (TokenId token = 0; token < vocabulary->tokens(); ++token) {
      Matcher fork = matcher;
      ASSERT_EQ(bit(mask, token), fork.accept(token)) << bound << " token " << token;
    }
    EXPECT_TRUE(matcher.accept_bytes("abc\""));
  }
}

}  // namespace
}  // namespace mlxserving::grammar
