// What a JSON Schema lets through, keyword by keyword: texts that must be accepted to their end, and texts that must
// not.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "byte_vocabulary.h"
#include "grammar/compile.h"

namespace mlxserving::grammar {
namespace {

struct Case {
  const char* name;
  const char* schema;
  std::vector<std::string> valid, invalid;
};

bool accepts_with_masks(const std::shared_ptr<Grammar>& grammar, const std::string& text) {
  Matcher matcher(grammar);
  std::vector<uint64_t> mask(matcher.vocabulary().mask_words());
  for (const char c : text) {
    const auto token = static_cast<uint8_t>(c);
    matcher.fill_mask(mask);
    const bool bit = (mask[token >> 6] >> (token & 63)) & 1;
    const bool accepted = matcher.accept(token);
    EXPECT_EQ(bit, accepted) << "mask and accept differ at byte " << matcher.steps() << " of " << text;
    if (!accepted) return false;
  }
  matcher.fill_mask(mask);
  EXPECT_EQ(matcher.is_complete(), ((mask[256 >> 6] >> (256 & 63)) & 1) == 1);
  return matcher.is_complete();
}

class JsonSchema : public testing::TestWithParam<Case> {};

TEST_P(JsonSchema, accepts_what_is_valid_and_nothing_else) {
  const Case& test = GetParam();
  const auto grammar = compile_json_schema(test.schema, byte_vocabulary());
  ASSERT_TRUE(grammar.ok()) << grammar.error().message;
  for (const std::string& text : test.valid) EXPECT_TRUE(accepts_with_masks(*grammar, text)) << text;
  for (const std::string& text : test.invalid) EXPECT_FALSE(accepts_with_masks(*grammar, text)) << text;
}

const Case kCases[] = {
    {"any",
     "true",
     {"1", "-0.5e+10", "\"a\\n\"", "[]", "{}", "{\"a\": [1, {\"b\": null}]}", "true"},
     {"01", "[1,]", "{\"a\":}", "nul", " 1", "1 ", "\"\n\"", "\"\\u0041\""}},
    {"type", R"({"type": "string"})", {"\"\"", "\"\xC3\xA9\""}, {"1", "null", "[]", "\"\xC3\"", "\"\xED\xA0\x80\""}},
    {"integer",
     R"({"type": "integer", "minimum": -5, "exclusiveMaximum": 12})",
     {"-5", "0", "11", "-0"},
     {"-6", "12", "1.5", "1e1", "1.0", "011"}},
    {"decimal_range",
     R"({"type": "number", "minimum": 0.1, "maximum": 0.25})",
     {"0.1", "0.10", "0.2", "0.25", "0.24999"},
     {"0.09", "0.251", "0", "1", "0.0999"}},
    {"multiple_of",
     R"({"type": "number", "multipleOf": 0.01})",
     {"0.01", "1.2", "3", "0.07", "-4.25", "1.230"},
     {"0.001", "1.234"}},
    {"multiple_of_integer",
     R"({"type": "integer", "multipleOf": 7, "minimum": 1})",
     {"7", "14", "700"},
     {"0", "1", "15"}},
    {"draft4_exclusive",
     R"({"$schema": "http://json-schema.org/draft-04/schema#", "type": "integer", "minimum": 3, "exclusiveMinimum": true})",
     {"4"},
     {"3"}},
    {"length_in_code_points",
     R"({"type": "string", "minLength": 2, "maxLength": 3})",
     {"\"ab\"", "\"\xC3\xA9\xF0\x9F\x98\x80\"", "\"\\n\\\\a\""},
     {"\"a\"", "\"abcd\"", "\"\""}},
    {"pattern_contains", R"({"type": "string", "pattern": "b+"})", {"\"abc\"", "\"b\""}, {"\"ac\"", "\"\""}},
    {"pattern_anchored",
     R"({"type": "string", "pattern": "^(foo|bar)?$"})",
     {"\"\"", "\"foo\""},
     {"\"fo\"", "\"foobar\""}},
    {"pattern_lookahead",
     R"({"type": "string", "pattern": "^(?!ab)[a-c]{2}$"})",
     {"\"ac\"", "\"ba\""},
     {"\"ab\"", "\"a\""}},
    {"pattern_on_decoded", R"({"type": "string", "pattern": "^.\"\\\\$"})", {"\"a\\\"\\\\\""}, {"\"a\"\\\""}},
    {"format_date",
     R"({"type": "string", "format": "date"})",
     {"\"2024-02-29\"", "\"1999-12-31\""},
     {"\"2023-02-29\"", "\"2024-13-01\"", "\"24-01-01\""}},
    {"format_unknown", R"({"type": "string", "format": "no-such-format"})", {"\"x\""}, {"1"}},
    {"enum_by_value",
     R"({"enum": [1, "a", null, {"b": [1]}]})",
     {"1", "1.0", "\"a\"", "null", "{\"b\": [1]}"},
     {"2", "\"b\"", "{\"b\": [2]}", "{}", "true"}},
    {"enum_with_siblings", R"({"enum": [1, "a", 30], "type": "integer", "maximum": 10})", {"1"}, {"30", "\"a\""}},
    {"const", R"({"const": {"a": {"b": 2.50}}})", {"{\"a\":{\"b\":2.5}}"}, {"{}", "{\"a\":{}}"}},
    {"properties_in_order",
     R"({"type": "object", "properties": {"b": {"type": "integer"}, "a": {"type": "string"}}, "required": ["a"], "additionalProperties": false})",
     {R"({"b": 1, "a": "x"})", R"({"a": "x"})"},
     {R"({})", R"({"b": 1})", R"({"a": 1})", R"({"a": "x", "c": 1})"}},
    {"additional_properties",
     R"({"properties": {"a": true}, "additionalProperties": {"type": "integer"}})",
     {R"({"a": "x", "b": 1})", R"({"ab": 2})"},
     {R"({"b": "x"})"}},
    {"pattern_properties",
     R"({"patternProperties": {"^s_": {"type": "string"}, "_n$": {"minLength": 2}}, "additionalProperties": false})",
     {R"({"s_a": "", "s_n": "ab", "x_n": 5})"},
     {R"({"s_n": "a"})", R"({"s_a": 1})", R"({"a": 1})"}},
    {"property_names",
     R"({"propertyNames": {"maxLength": 2, "pattern": "^a"}})",
     {R"({"ab": 1, "a": 2})"},
     {R"({"abc": 1})", R"({"b": 1})"}},
    {"property_counts",
     R"({"minProperties": 1, "maxProperties": 2})",
     {R"({"a": 1})", R"({"a": 1, "b": 2})"},
     {"{}", R"({"a": 1, "b": 2, "c": 3})", R"({"a": 1, "a": 2})"}},
    {"dependencies",
     R"({"properties": {"a": true, "b": true, "c": true}, "dependencies": {"a": ["c"], "b": {"required": ["c"]}}})",
     {R"({})", R"({"c": 1})", R"({"a": 1, "c": 1})", R"({"a": 1, "b": 1, "c": 2})"},
     {R"({"a": 1})", R"({"b": 1})"}},
    {"all_of",
     R"({"allOf": [{"properties": {"a": {"minimum": 3}}}, {"properties": {"a": {"maximum": 5}}, "required": ["a"]}]})",
     {R"({"a": 4})"},
     {R"({"a": 2})", R"({"a": 6})", "{}"}},
    {"any_of",
     R"({"type": "object", "anyOf": [{"properties": {"a": {"const": 1}}, "required": ["a"]}, {"properties": {"b": {"const": 2}}, "required": ["b"]}]})",
     {R"({"a": 1})", R"({"b": 2})", R"({"a": 5, "b": 2})", R"({"a": 1, "b": 7})"},
     {R"({"a": 5})", "{}", R"({"a": 5, "b": 7})"}},
    {"one_of_scalars",
     R"({"oneOf": [{"type": "integer", "multipleOf": 2}, {"type": "integer", "multipleOf": 3}]})",
     {"2", "3", "9"},
     {"6", "0", "5"}},
    {"one_of_objects",
     R"({"oneOf": [{"required": ["a"]}, {"required": ["b"]}]})",
     {R"({"a": 1})", R"({"b": 1})"},
     {"{}", R"({"a": 1, "b": 1})"}},
    {"one_of_discriminated",
     R"({"oneOf": [{"properties": {"s": {"enum": ["ok"]}}, "required": ["s"]}, {"properties": {"s": {"enum": ["no"]}}, "required": ["s"]}]})",
     {R"({"s": "ok"})", R"({"s": "no"})"},
     {R"({"s": "x"})", "{}"}},
    {"not", R"({"not": {"type": "object", "required": ["x"]}})", {"{}", R"({"y": 1})", "5"}, {R"({"x": 1})"}},
    {"not_integer", R"({"type": "number", "not": {"type": "integer"}})", {"1.5"}, {"1", "1.0", "1e0"}},
    {"if_then_else",
     R"({"properties": {"k": {"enum": ["a", "b"]}, "v": true}, "required": ["k", "v"], "if": {"properties": {"k": {"const": "a"}}}, "then": {"properties": {"v": {"type": "string"}}}, "else": {"properties": {"v": {"type": "integer"}}}})",
     {R"({"k": "a", "v": "s"})", R"({"k": "b", "v": 1})"},
     {R"({"k": "a", "v": 1})", R"({"k": "b", "v": "s"})"}},
    {"items",
     R"({"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3})",
     {"[1]", "[1, 2, 3]"},
     {"[]", "[1, 2, 3, 4]", "[\"a\"]"}},
    {"prefix_items",
     R"({"prefixItems": [{"type": "integer"}, {"type": "string"}], "items": false})",
     {"[]", "[1]", "[1, \"a\"]"},
     {"[\"a\"]", "[1, \"a\", 2]"}},
    {"unique_items",
     R"({"type": "array", "uniqueItems": true})",
     {"[1, 2, \"1\", [1], [2]]", "[]", "[{\"a\": 1}, {\"a\": 2}]"},
     {"[1, 1]", "[1, 1.0]", "[\"a\", \"a\"]"}},
    {"contains",
     R"({"type": "array", "contains": {"type": "integer"}, "maxContains": 2})",
     {"[1]", "[\"a\", 1, 2]"},
     {"[]", "[\"a\"]", "[1, 2, 3]"}},
    {"ref_and_siblings",
     R"({"$defs": {"n": {"type": "integer"}}, "$ref": "#/$defs/n", "minimum": 3})",
     {"3"},
     {"2", "\"a\""}},
    {"ref_recursive",
     R"({"type": "object", "properties": {"next": {"$ref": "#"}}, "additionalProperties": false})",
     {R"({"next": {"next": {}}})"},
     {R"({"next": 1})"}},
    {"ref_by_anchor",
     R"({"$id": "http://x/a", "$defs": {"n": {"$anchor": "num", "type": "integer"}}, "properties": {"a": {"$ref": "#num"}}})",
     {R"({"a": 1})"},
     {R"({"a": "s"})"}},
};

INSTANTIATE_TEST_SUITE_P(Keywords, JsonSchema, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(JsonSchemaCompile, refuses_what_it_cannot_enforce_naming_the_place) {
  const auto grammar =
      compile_json_schema(R"({"properties": {"a": {"$ref": "http://elsewhere/x"}}})", byte_vocabulary());
  ASSERT_FALSE(grammar.ok());
  EXPECT_EQ(grammar.error().param, "/properties/a/$ref");
}

TEST(JsonSchemaCompile, refuses_contradictions_as_unsatisfiable) {
  for (const char* schema :
       {"false", R"({"allOf": [{"type": "string"}, {"type": "integer"}]})",
        R"({"type": "integer", "minimum": 5, "maximum": 4})",
        R"({"type": "object", "properties": {"a": false}, "required": ["a"]})",
        R"({"type": "string", "minLength": 3, "maxLength": 2})", R"({"enum": []})", R"({"not": {}})"}) {
    const auto grammar = compile_json_schema(schema, byte_vocabulary());
    ASSERT_FALSE(grammar.ok()) << schema;
    EXPECT_NE(grammar.error().message.find("unsatisfiable"), std::string::npos) << schema;
  }
}

}  // namespace
}  // namespace mlxserving::grammar
