#include "schema/export.h"

#include <gtest/gtest.h>

#include "core/read_file.h"

namespace mlxserving::schema {
namespace {

std::string generated(const char* name) {
  const Result<std::string> text =
      read_file(std::string(MLXS_SOURCE_DIR) + "/client/src/generated/" + name, size_t{64} << 20);
  return text ? *text : text.error().message;
}

// `scripts/generate-client` makes them anew.
TEST(Export, what_the_client_holds_is_current) {
  EXPECT_EQ(generated("schemas.ts"), to_zod());
  EXPECT_EQ(generated("types.ts"), to_typescript());
  EXPECT_EQ(generated("schemas.json"), to_text(to_json_schema(), 2) + "\n");
}

TEST(Export, every_reference_has_its_definition) {
  const Json schema = to_json_schema();
  const std::string text = to_text(schema);
  constexpr std::string_view kRef = "\"$ref\":\"#/$defs/";
  size_t found = 0;
  for (size_t at = text.find(kRef); at != std::string::npos; at = text.find(kRef, at + 1), ++found) {
    const size_t from = at + kRef.size();
    EXPECT_TRUE(schema["$defs"].contains(text.substr(from, text.find('"', from) - from)));
  }
  EXPECT_GT(found, 50U);
}

TEST(Export, json_schema_says_ranges_defaults_and_what_is_required) {
  const Json params = to_json_schema()["$defs"]["GenerateParams"];
  EXPECT_EQ(to_text(params["required"]), R"(["model_id","prompt"])");
  EXPECT_EQ(params["properties"]["min_p"]["maximum"], 1);
  EXPECT_EQ(params["properties"]["top_p"]["exclusiveMinimum"], 0);
  EXPECT_EQ(params["properties"]["temperature"]["default"], 0.7);
}

}  // namespace
}  // namespace mlxserving::schema
