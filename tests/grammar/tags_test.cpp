// Structural tags: free text around calls that follow their schemas.
#include <gtest/gtest.h>

#include <string>

#include "byte_vocabulary.h"
#include "grammar/compile.h"

namespace mlxserving::grammar {
namespace {

StructuralTagConstraint weather() {
  StructuralTagConstraint tags;
  tags.tags.push_back(
      {"<call name=\"weather\">",
       R"({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": false})",
       "</call>"});
  tags.tags.push_back({"<call name=\"clock\">", R"({"type": "integer"})", "</call>"});
  tags.triggers = {"<call"};
  return tags;
}

std::shared_ptr<Grammar> compiled(const StructuralTagConstraint& tags) {
  const auto grammar = compile(tags, byte_vocabulary());
  EXPECT_TRUE(grammar.ok()) << grammar.error().message;
  return grammar.ok() ? *grammar : nullptr;
}

const std::string kWeather = R"(<call name="weather">{"city": "Rome"}</call>)";
const std::string kClock = "<call name=\"clock\">12</call>";

TEST(StructuralTags, leave_text_free_and_hold_what_a_trigger_opens) {
  const auto grammar = compiled(weather());
  for (const std::string& text : {std::string(), std::string("just < text <cal"), "Sure: " + kWeather,
                                  kWeather + " and " + kClock + "<" + kClock})
    EXPECT_TRUE(accepts(grammar, text)) << text;
  for (const std::string& text :
       {std::string("<call"), std::string("<call name=\"other\">1</call>"),
        std::string("<call name=\"clock\">x</call>"), std::string(R"(<call name="weather">{}</call>)")})
    EXPECT_FALSE(accepts(grammar, text)) << text;
}

TEST(StructuralTags, may_be_required_or_alone) {
  StructuralTagConstraint tags = weather();
  tags.required = true;
  EXPECT_TRUE(accepts(compiled(tags), kClock + "\n" + kWeather));
  EXPECT_FALSE(accepts(compiled(tags), "text " + kClock));
  EXPECT_FALSE(accepts(compiled(tags), ""));
  tags.parallel = false;
  EXPECT_FALSE(accepts(compiled(tags), kClock + kClock));
  tags.required = false;
  EXPECT_TRUE(accepts(compiled(tags), "a " + kClock + " b"));
  EXPECT_FALSE(accepts(compiled(tags), kClock + kClock));
}

TEST(StructuralTags, refuse_what_cannot_be_held_naming_the_tag) {
  StructuralTagConstraint tags = weather();
  tags.tags[1].schema = R"({"$ref": "http://elsewhere"})";
  EXPECT_EQ(compile(tags, byte_vocabulary()).error().param, "tags[1].schema/$ref");
  tags = weather();
  tags.triggers = {"<tool"};
  EXPECT_FALSE(compile(tags, byte_vocabulary()).ok());
  EXPECT_FALSE(compile(StructuralTagConstraint{}, byte_vocabulary()).ok());
}

}  // namespace
}  // namespace mlxserving::grammar
