#include "text/dialects/dialects.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "text/dialects/json_scanner.h"

namespace mlxserving::text {
namespace {

using Kind = AnswerPart::Kind;

// What a client has gathered at the end.
struct Gathered {
  std::string content;
  std::string reasoning;
  std::vector<std::pair<std::string, std::string>> calls;  // name, arguments
  bool operator==(const Gathered&) const = default;
};

void gather(const AnswerParts& parts, Gathered& out) {
  for (const AnswerPart& part : parts) {
    switch (part.kind) {
      case Kind::content: out.content += part.text; break;
      case Kind::reasoning: out.reasoning += part.text; break;
      case Kind::call: out.calls.emplace_back(part.text, ""); break;
      case Kind::arguments: out.calls.back().second += part.text; break;
      case Kind::call_lost: out.calls.pop_back(); break;
      case Kind::call_end: break;
    }
  }
}

AnswerOptions weather_tools() {
  AnswerOptions options;
  options.tools.push_back(
      {.name = "get_weather", .parameters = Json::parse(R"({"type": "object", "properties": {"city": {"type": "string"},
                                     "days": {"type": "integer"}, "detail": {"type": "boolean"}}})")});
  options.tools.push_back({.name = "now", .parameters = Json::parse(R"({"type": "object"})")});
  return options;
}

Gathered read(const std::string& dialect, const std::vector<std::string>& pieces,
              const AnswerOptions& options = weather_tools()) {
  const auto parser = make_answer_parser(dialect.empty() ? nullptr : find_dialect(dialect), options);
  Gathered out;
  for (const std::string& piece : pieces) {
    AnswerParts parts;
    parser->feed(piece, parts);
    gather(parts, out);
  }
  AnswerParts last;
  parser->finish(last);
  gather(last, out);
  return out;
}

struct Case {
  const char* dialect;
  const char* text;
  Gathered expected;
};

const std::vector<Case>& sound_cases() {
  static const std::vector<Case> cases = {
      {"hermes",
       "Let me look.\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Köln\", \"days\": "
       "3}}\n</tool_call>",
       {"Let me look.\n", "", {{"get_weather", R"({"city": "Köln", "days": 3})"}}}},
      {"hermes",
       "<tool_call>{\"arguments\": {\"a\": [1, {\"b\": \"}</tool_call>\"}]}, \"name\": \"now\"}</tool_call>\n"
       "<tool_call>{\"name\":\"now\",\"arguments\":{}}</tool_call>",
       {"", "", {{"now", R"({"a": [1, {"b": "}</tool_call>"}]})"}, {"now", "{}"}}}},
      {"hermes",
       "<tool_call>\n<function=get_weather>\n<parameter=city>\n12\n</parameter>\n<parameter=days>\n3\n</parameter>\n"
       "</function>\n</tool_call>",
       {"", "", {{"get_weather", R"({"city": "12", "days": 3})"}}}},
      {"llama3",
       R"({"name": "now", "parameters": {"x": 1e3}}; {"name": "now", "parameters": {}})",
       {"", "", {{"now", R"({"x": 1e3})"}, {"now", "{}"}}}},
      {"llama3",
       R"(<|python_tag|>{"type": "function", "name": "now", "parameters": {"x": null}})",
       {"", "", {{"now", R"({"x": null})"}}}},
      {"mistral",
       R"([TOOL_CALLS] [{"name": "now", "arguments": {}}, {"name": "get_weather", "arguments": {"city": "a"}}])",
       {"", "", {{"now", "{}"}, {"get_weather", R"({"city": "a"})"}}}},
      {"mistral",
       R"(Yes.[TOOL_CALLS]now[ARGS]{"x": "\u00e9"}[TOOL_CALLS]now{})",
       {"Yes.", "", {{"now", R"({"x": "\u00e9"})"}, {"now", "{}"}}}},
      {"deepseek",
       "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>now<｜tool▁sep｜>{\"x\": 1}<｜tool▁call▁end｜>\n"
       "<｜tool▁call▁begin｜>now<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
       {"", "", {{"now", R"({"x": 1})"}, {"now", "{}"}}}},
      {"deepseek",
       "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>now\n```json\n{\"x\": 1}\n```"
       "<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
       {"", "", {{"now", R"({"x": 1})"}}}},
      {"glm",
       "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>New <b>York</b></arg_value>\n"
       "<arg_key>days</arg_key>\n<arg_value>2</arg_value>\n</tool_call>",
       {"", "", {{"get_weather", R"({"city": "New <b>York</b>", "days": 2})"}}}},
      {"gemma",
       "<start_function_call>call:get_weather{city:<escape>a \"b\",}<escape>,days:2,list:[1,true,{k:null}]}"
       "<end_function_call>",
       {"", "", {{"get_weather", R"({"city":"a \"b\",}","days":2,"list":[1,true,{"k":null}]})"}}}},
      {"gemma4", "<|tool_call>call:now{x:<|\"|>y<|\"|>}<tool_call|>", {"", "", {{"now", R"({"x":"y"})"}}}},
      {"harmony",
       "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary to=functions.now "
       "<|constrain|>json<|message|>{\"x\": 1}<|call|>",
       {"", "Hm.", {{"now", R"({"x": 1})"}}}},
      {"harmony",
       "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Hello.<|return|>",
       {"Hello.", "Hm.", {}}},
      {"json", "```json\n[{\"name\": \"now\", \"arguments\": {}}]\n```", {"", "", {{"now", "{}"}}}},
      {"json", R"({"name": "now", "parameters": {"x": -0.5}})", {"", "", {{"now", R"({"x": -0.5})"}}}},
  };
  return cases;
}

// Texts that are no calls, or broken ones: all of the text is content.
const std::vector<std::pair<const char*, const char*>>& plain_cases() {
  static const std::vector<std::pair<const char*, const char*>> cases = {
      {"hermes", "A <tool_cal is no mark."},
      {"hermes", "<tool_call>{\"name\": \"now\", \"arguments\": {\"x\": 01}}</tool_call>"},
      {"hermes", "<tool_call>{\"name\": \"now\", \"arguments\": {\"x\": "},
      {"hermes", "<tool_call>{\"name\": \"now\"}</tool_call> and <tool_call>"},
      {"hermes", "<tool_call>{\"name\": \"now\", \"arguments\": \"x\"}</tool_call>"},
      {"hermes", "<tool_call>\n<function=now>\n<parameter=x>never closed"},
      {"llama3", R"({"name": "Bob", "parameters": {}})"},
      {"llama3", R"({"city": "a", "name": "now"})"},
      {"mistral", "[TOOL_CALLS] [{\"name\": 3}]"},
      {"mistral", "[TOOL_CALLS]"},
      {"deepseek", "<｜tool▁calls▁begin｜>what<｜tool▁calls▁end｜>"},
      {"glm", "<tool_call>now<arg_value>x</arg_value></tool_call>"},
      {"gemma", "<start_function_call>call:now{x:<escape>y"},
      {"harmony", "No channels at all."},
      {"json", "```python\nprint(1)\n```"},
      {"json", "[1, 2, 3]"},
      {"json", "  \n"},
  };
  return cases;
}

TEST(Dialects, calls_come_out_as_the_text_has_them) {
  for (const Case& c : sound_cases()) {
    const Gathered got = read(c.dialect, {c.text});
    EXPECT_EQ(got, c.expected) << c.dialect << ": " << c.text << "\ncontent: " << got.content
                               << "\ncalls: " << got.calls.size()
                               << (got.calls.empty() ? "" : " " + got.calls.front().second);
    for (const auto& [name, arguments] : got.calls) EXPECT_TRUE(Json::accept(arguments)) << arguments;
  }
}

TEST(Dialects, what_is_no_call_is_text_and_nothing_is_lost) {
  for (const auto& [dialect, text] : plain_cases()) {
    EXPECT_EQ(read(dialect, {text}), (Gathered{text, "", {}})) << dialect;
  }
}

TEST(Dialects, text_after_calls_is_kept) {
  const Gathered got = read("hermes", {"<tool_call>{\"name\":\"now\",\"arguments\":{}}</tool_call>\n\nDone."});
  EXPECT_EQ(got, (Gathered{"\n\nDone.", "", {{"now", "{}"}}}));
}

TEST(Dialects, a_broken_call_does_not_hide_the_next) {
  const Gathered got = read("hermes", {"<tool_call>{oops}<tool_call>{\"name\":\"now\",\"arguments\":{}}</tool_call>"});
  EXPECT_EQ(got, (Gathered{"<tool_call>{oops}", "", {{"now", "{}"}}}));
}

// Every cut in two, and seeded cuts in many.
TEST(Dialects, any_split_of_a_text_gives_the_same) {
  std::vector<std::pair<std::string, std::string>> texts;
  for (const Case& c : sound_cases()) texts.emplace_back(c.dialect, c.text);
  for (const auto& [dialect, text] : plain_cases()) texts.emplace_back(dialect, text);
  std::mt19937 random(20);
  for (const auto& [dialect, text] : texts) {
    const Gathered whole = read(dialect, {text});
    for (size_t cut = 0; cut <= text.size(); ++cut) {
      ASSERT_EQ(read(dialect, {text.substr(0, cut), text.substr(cut)}), whole)
          << dialect << " at " << cut << ": " << text;
    }
    for (int round = 0; round < 20; ++round) {
      std::vector<std::string> pieces(1);
      for (const char c : text) {
        if (random() % 3 == 0) pieces.emplace_back();
        pieces.back() += c;
      }
      ASSERT_EQ(read(dialect, pieces), whole) << dialect << ": " << text;
    }
  }
}

TEST(Dialects, arguments_stream_before_the_call_is_complete) {
  const auto parser = make_answer_parser(find_dialect("hermes"), weather_tools());
  AnswerParts parts;
  parser->feed("<tool_call>{\"name\": \"now\", \"arguments\": {\"x\": \"ab", parts);
  EXPECT_EQ(parts, (AnswerParts{{Kind::call, "now"}, {Kind::arguments, "{\"x\": \"ab"}}));
}

TEST(Dialects, a_call_that_breaks_late_is_taken_back) {
  const auto parser = make_answer_parser(find_dialect("hermes"), weather_tools());
  AnswerParts parts;
  const std::string text = "<tool_call>{\"name\": \"now\", \"arguments\": {\"x\": tru!}}";
  parser->feed(text, parts);
  parser->finish(parts);
  ASSERT_GE(parts.size(), 3U);
  EXPECT_EQ(parts[0].kind, Kind::call);
  EXPECT_EQ(parts[2].kind, Kind::call_lost);
  EXPECT_EQ(parts.back(), (AnswerPart{Kind::content, text}));
}

TEST(Dialects, hostile_repetition_comes_back_whole) {
  std::string text;
  while (text.size() < 100'000) text += "<tool_call><function=a><parameter=x>";
  EXPECT_EQ(read("hermes", {text}).content, text);
}

TEST(Reasoning, think_tags_split_an_answer) {
  AnswerOptions options{.thinks = true};
  EXPECT_EQ(read("", {"<think>\nHm.\n</think>\n\nYes."}, options), (Gathered{"Yes.", "Hm.\n", {}}));
  EXPECT_EQ(read("", {"No tags <think>."}, options), (Gathered{"No tags <think>.", "", {}}));
  EXPECT_EQ(read("", {"<thin"}, options), (Gathered{"<thin", "", {}}));
  options.begins_in_reasoning = true;
  EXPECT_EQ(read("", {"Hm.</think>Yes."}, options), (Gathered{"Yes.", "Hm.", {}}));
  EXPECT_EQ(read("", {"Hm. </thi"}, options), (Gathered{"", "Hm. </thi", {}})) << "cut off while it reasons";
}

TEST(Reasoning, calls_follow_reasoning) {
  AnswerOptions options = weather_tools();
  options.thinks = true;
  const std::string text =
      "<think>I call <tool_call>.</think>\n<tool_call>{\"name\":\"now\",\"arguments\":{}}</tool_call>";
  const Gathered whole = read("hermes", {text}, options);
  EXPECT_EQ(whole, (Gathered{"", "I call <tool_call>.", {{"now", "{}"}}}));
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    ASSERT_EQ(read("hermes", {text.substr(0, cut), text.substr(cut)}, options), whole);
  }
}

TEST(Dialects, templates_show_their_dialect) {
  EXPECT_STREQ(detect_dialect("... <tool_call> ... tools")->name, "hermes");
  EXPECT_STREQ(detect_dialect("<|start_header_id|> {% if tools %}")->name, "llama3");
  EXPECT_STREQ(detect_dialect("{% for t in tools %}")->name, "json");
  EXPECT_EQ(detect_dialect("{{ messages }}"), nullptr);
}

TEST(JsonScanner, what_it_lets_through_is_json) {
  for (const char* text : {"{}", "[1,-2.5e+3,true,null,\"a\\u00e9\"]", "{\"a\":{\"b\":[]}}"}) {
    JsonScanner scanner;
    auto verdict = JsonScanner::Verdict::more;
    for (const char* c = text; *c != '\0'; ++c) verdict = scanner.take(*c);
    EXPECT_EQ(verdict, JsonScanner::Verdict::done) << text;
  }
  for (const char* text : {"{,", "[1,]", "{\"a\" 1", "[01,", "[tru ", "[\"\\x", "{\"a\":1,}", "[}", "[1.]", "[-]"}) {
    JsonScanner scanner;
    auto verdict = JsonScanner::Verdict::more;
    for (const char* c = text; *c != '\0' && verdict == JsonScanner::Verdict::more; ++c) verdict = scanner.take(*c);
    EXPECT_EQ(verdict, JsonScanner::Verdict::broken) << text;
  }
}

TEST(JsonScanner, depth_is_limited) {
  JsonScanner scanner;
  for (size_t i = 0; i < JsonScanner::kDepthMax; ++i) ASSERT_EQ(scanner.take('['), JsonScanner::Verdict::more);
  EXPECT_EQ(scanner.take('['), JsonScanner::Verdict::broken);
}

}  // namespace
}  // namespace mlxserving::text
