// What requests ask of their answers, as constraints: forms, calls of tools, and the hosts that may ask.
#include <gtest/gtest.h>

#include "api/chat_tools.h"
#include "api/host_check.h"
#include "api/structured_output.h"
#include "core/result.h"
#include "text/dialects/dialects.h"

namespace mlxserving::api {
namespace {

template <typename Kind>
bool is(const Result<Constraint>& constraint) {
  return constraint && std::holds_alternative<Kind>(*constraint);
}

std::string fault(const Result<Constraint>& constraint) { return constraint ? "none" : constraint.error().message; }

TEST(Forms, every_kind_takes_its_values) {
  EXPECT_TRUE(is<JsonSchemaConstraint>(make_constraint("json_schema", Json::object(), "f")));
  EXPECT_TRUE(is<JsonSchemaConstraint>(make_constraint("json_schema", R"({"type": "null"})", "f")));
  EXPECT_TRUE(is<JsonObjectConstraint>(make_constraint("json_object", true, "f")));
  EXPECT_TRUE(is<std::monostate>(make_constraint("json_object", false, "f")));
  EXPECT_TRUE(is<RegexConstraint>(make_constraint("regex", "a+", "f")));
  EXPECT_TRUE(is<ChoiceConstraint>(make_constraint("choice", {"a", "b"}, "f")));
  EXPECT_TRUE(is<GbnfConstraint>(make_constraint("grammar", "root ::= \"a\"", "f")));
  EXPECT_TRUE(is<LarkConstraint>(make_constraint("grammar", "start: \"a\"", "f")));
  EXPECT_TRUE(is<GbnfConstraint>(make_constraint("gbnf", "", "f")));
  EXPECT_TRUE(is<LarkConstraint>(make_constraint("lark", "", "f")));
}

TEST(Forms, a_value_of_another_type_is_told_with_the_field) {
  EXPECT_EQ(fault(make_constraint("json_schema", 3, "f")), "f must be an object");
  EXPECT_EQ(fault(make_constraint("json_schema", "{", "f")), "f must be an object, or a string that holds one");
  EXPECT_EQ(fault(make_constraint("json_object", "yes", "f")), "f must be a boolean");
  EXPECT_EQ(fault(make_constraint("choice", {"a", 3}, "f")), "f must be a list of strings");
  EXPECT_EQ(fault(make_constraint("choice", "a", "f")), "f must be a list of strings");
  EXPECT_EQ(fault(make_constraint("choice", Json::array(), "f")), "f must be a list of strings, at least one");
  EXPECT_EQ(fault(make_constraint("xml", 3, "f")), "f must be a string");
  EXPECT_EQ(fault(make_constraint("yaml", "", "f")), "there is no constraint of the kind yaml");
}

TEST(Forms, xml_is_well_formed_an_example_or_a_schema) {
  const auto form = [](const char* text) { return std::get<XmlConstraint>(*make_constraint("xml", text, "f")).form; };
  EXPECT_EQ(form(""), XmlConstraint::Form::well_formed);
  EXPECT_EQ(form("<a/>"), XmlConstraint::Form::model);
  EXPECT_EQ(form(R"(<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"/>)"), XmlConstraint::Form::schema);
}

TEST(Forms, structural_tags_have_begin_end_and_maybe_a_schema) {
  const Json tags = {{"structures", {{{"begin", "<a>"}, {"schema", {{"type", "null"}}}, {"end", "</a>"}}}},
                     {"triggers", {"<a>"}}};
  for (const Json& value : {tags, Json(to_text(tags))}) {
    const auto read = make_constraint("structural_tag", value, "f");
    ASSERT_TRUE(is<StructuralTagConstraint>(read)) << fault(read);
    EXPECT_EQ(std::get<StructuralTagConstraint>(*read).tags.at(0).schema, R"({"type":"null"})");
  }
  for (const char* broken : {"3", "[]", "{}", R"({"structures": [{"begin": "a"}]})", R"({"structures": [3]})",
                             R"({"structures": [], "triggers": [1]})", "{"}) {
    EXPECT_FALSE(make_constraint("structural_tag", broken, "f")) << broken;
  }
}

const Json kTools = Json::parse(R"([
  {"type": "function", "function": {"name": "a", "strict": true, "parameters": {"type": "object", "required": ["x"]}}},
  {"type": "function", "function": {"name": "b"}}])");

StructuralTagConstraint tags_of(const Result<Constraint>& constraint) {
  return constraint ? std::get<StructuralTagConstraint>(*constraint) : StructuralTagConstraint{};
}

TEST(Calls, forced_ones_are_tags_of_the_tools_that_may_be_called) {
  const auto all = tags_of(call_constraint("hermes", kTools, {.kind = ToolChoice::Kind::required}, false));
  EXPECT_TRUE(all.required && !all.parallel && all.tags.size() == 2 && all.triggers.empty());
  const auto one = tags_of(call_constraint("mistral", kTools, {.kind = ToolChoice::Kind::named, .name = "b"}, true));
  ASSERT_EQ(one.tags.size(), 1U);
  EXPECT_EQ(one.tags[0].begin, "[TOOL_CALLS] [{\"name\": \"b\", \"arguments\": ");
}

TEST(Calls, strict_tools_follow_their_schema_among_free_text_and_others_are_any_object) {
  const auto free = tags_of(call_constraint("hermes", kTools, {}, true));
  EXPECT_FALSE(free.required);
  EXPECT_EQ(free.triggers, std::vector<std::string>{"<tool_call>"});
  ASSERT_EQ(free.tags.size(), 2U);
  EXPECT_EQ(free.tags[0].schema, R"({"type":"object","required":["x"]})");
  EXPECT_EQ(free.tags[1].schema, R"({"type": "object"})");
  const Json lax = Json::array({kTools[1]});
  EXPECT_TRUE(is<std::monostate>(call_constraint("hermes", lax, {}, true)));
}

TEST(Calls, every_dialect_holds_them_or_says_that_it_cannot) {
  for (const text::Dialect& dialect : text::dialects()) {
    const auto forced = call_constraint(dialect.name, kTools, {.kind = ToolChoice::Kind::required}, true);
    EXPECT_EQ(forced.ok(), dialect.call_begin != nullptr) << dialect.name;
    if (!forced) {
      EXPECT_EQ(forced.error().param, "tool_choice");
    }
    const auto strict = call_constraint(dialect.name, kTools, {}, true);
    EXPECT_EQ(strict.ok(), !text::call_mark(dialect).empty()) << dialect.name;
    if (!strict) {
      EXPECT_EQ(strict.error().param, "tools[0].function.strict");
    }
  }
}

TEST(Calls, an_answer_of_a_given_form_opens_behind_reasoning_and_headings) {
  EXPECT_EQ(text::answer_opening("hermes", "<|im_start|>assistant\n<think>\n"), "</think>\n\n");
  EXPECT_EQ(text::answer_opening("hermes", "<|im_start|>assistant\n"), "");
  EXPECT_EQ(text::answer_opening("harmony", "<|start|>assistant"), "<|channel|>final<|message|>");
}

TEST(Hosts, names_of_this_machine_and_those_given_are_allowed) {
  const std::vector<std::string> names = {"Box.lan:80"};
  for (const char* host :
       {"", "localhost", "LocalHost.:1", "a.localhost", "127.0.0.1:8", "[::1]", "[fe80::1]:9", "box.LAN"}) {
    EXPECT_TRUE(is_allowed_host(host, names)) << host;
  }
  for (const char* host :
       {"evil", "127.0.0.1.evil", "localhost.evil", "[", "[]:1", ":1", "box.lan.evil", "300.1.1.1"}) {
    EXPECT_FALSE(is_allowed_host(host, names)) << host;
  }
  EXPECT_TRUE(is_allowed_host("evil", std::vector<std::string>{"*"}));
  EXPECT_TRUE(is_loopback("127.0.0.2") && is_loopback("::1") && !is_loopback("0.0.0.0") && !is_loopback("::"));
}

}  // namespace
}  // namespace mlxserving::api
