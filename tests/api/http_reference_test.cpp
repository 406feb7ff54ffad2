#include "api/http_reference.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "api/routes.h"
#include "core/read_file.h"
#include "schema/tables.h"

namespace mlxserving::api {
namespace {

TEST(HttpReference, the_document_is_what_the_tables_say) {
  const std::string path = MLXS_SOURCE_DIR "/docs/http.md";
  if (std::getenv("MLXS_UPDATE_DOCS") != nullptr) std::ofstream(path) << http_reference_markdown();
  const auto text = read_file(path);
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(*text, http_reference_markdown()) << "MLXS_UPDATE_DOCS=1 with this test writes docs/http.md";
}

TEST(Routes, every_body_has_its_table) {
  for (const Route& route : routes()) {
    if (route.message != nullptr) {
      EXPECT_NO_THROW(schema::http_message(route.message)) << route.path;
    }
    EXPECT_GT(std::string(route.doc).size(), 5U);
  }
}

TEST(Routes, the_interface_names_every_path_once) {
  std::vector<std::string> seen;
  for (const Route& route : routes()) {
    const std::string key = std::string(route.method) + route.path;
    EXPECT_EQ(std::count(seen.begin(), seen.end(), key), 0) << key;
    seen.push_back(key);
  }
}

TEST(HttpMessages, every_knob_is_a_field_of_every_generating_body) {
  for (const char* name :
       {"ChatCompletionRequest", "CompletionRequest", "ResponsesRequest", "AnthropicMessagesRequest"}) {
    for (const Knob& knob : kKnobs) {
      EXPECT_NE(schema::find_field(schema::http_message(name), knob.name), nullptr) << name << "." << knob.name;
    }
  }
}

TEST(HttpErrors, every_code_has_its_row) {
  for (const HttpErrorRow& row : kHttpErrors) EXPECT_EQ(status_of({row.code, "m", ""}), row.status);
  EXPECT_EQ(status_of({ErrorCode::resource_exhausted, "m", "prompt"}), 400) << "one request's own fault";
}

}  // namespace
}  // namespace mlxserving::api
