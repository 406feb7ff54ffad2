#include <gtest/gtest.h>

#include <set>

#include "schema/validate.h"

namespace mlxserving::schema {
namespace {

TEST(Tables, every_message_has_its_own_name_and_every_row_its_own_spellings) {
  std::set<std::string> messages;
  for (const Message* message : all_messages()) {
    EXPECT_TRUE(messages.insert(message->name).second) << message->name;
    EXPECT_EQ(find_message(message->name), message);
    EXPECT_NE(message->doc[0], '\0') << message->name;
    std::set<std::string> names;
    for (const Field& field : fields_of(*message)) {
      EXPECT_TRUE(names.insert(field.name).second) << message->name << "." << field.name;
      if (field.also != nullptr) {
        EXPECT_TRUE(names.insert(field.also).second) << message->name << "." << field.also;
      }
    }
  }
  EXPECT_EQ(find_message("NoSuchMessage"), nullptr);
}

TEST(Tables, every_message_that_a_row_contains_is_listed) {
  for (const Message* message : all_messages()) {
    for (const Field& field : message->fields) {
      for (const Type* type = &field.type; type != nullptr; type = type->item) {
        if (type->message != nullptr) {
          EXPECT_EQ(find_message(type->message->name), type->message) << field.name;
        }
      }
    }
  }
}

TEST(Tables, defaults_are_values_that_their_rows_allow) {
  for (const Message* message : all_messages()) {
    for (const Field& field : message->fields) {
      if (field.default_json == nullptr) continue;
      const Field alone[] = {field};
      const Message probe = {"Probe", "One row.", alone};
      const Result<Json> value = parse_json(field.default_json, "default");
      ASSERT_TRUE(value.ok()) << message->name << "." << field.name << ": " << field.default_json;
      const std::vector<Issue> issues = validate({{field.name, *value}}, probe);
      EXPECT_TRUE(issues.empty()) << message->name << "." << field.name << ": " << issues.front().message;
    }
  }
}

TEST(Tables, every_knob_is_a_field_of_generate) {
  const Message& generate = *find_message("GenerateParams");
  for (const Knob& knob : kKnobs) EXPECT_NE(find_field(generate, knob.name), nullptr) << knob.name;
  EXPECT_STREQ(find_field(generate, "stop")->name, "stop_sequences");
  EXPECT_STREQ(find_field(generate, "min_p")->doc, knob_doc("min_p"));
}

// Values of every kind against every message: some answer, never a crash.
TEST(Tables, any_value_against_any_message_gets_an_answer) {
  Json odd = Json::array({nullptr, true, 0, -1, 1e300, 0.5, "", std::string(1 << 20, 'x'), Json::array(),
                          Json::object(), Json::array({Json::array({1})}), "\xFF\xFE"});
  for (const Message* message : all_messages()) {
    for (const Json& value : odd) {
      validate(value, *message);
      for (const Field& field : fields_of(*message)) {
        const std::vector<Issue> issues = validate({{field.name, value}}, *message);
        EXPECT_TRUE(issues.empty() || !to_error(issues, message->voice).message.empty());
        EXPECT_LE(issues.size(), kIssuesMax);
      }
    }
  }
}

}  // namespace
}  // namespace mlxserving::schema
