#include "text/chat_template.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace mlxserving::text {
namespace {

namespace fs = std::filesystem;

// A model directory of a test, removed at its end.
class ModelDirectory {
 public:
  ModelDirectory()
      : path_(fs::temp_directory_path() / fs::path(std::string("chat_template_") +
                                                   ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ~ModelDirectory() { fs::remove_all(path_); }
  ModelDirectory(const ModelDirectory&) = delete;
  ModelDirectory& operator=(const ModelDirectory&) = delete;

  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
  }
  std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

ChatRequest request_with(const char* messages) {
  ChatRequest request;
  request.messages = Json::parse(messages);
  return request;
}

std::string text_of(const Result<ChatTemplate>& chat_template, const ChatRequest& request) {
  if (!chat_template) return "fault: " + chat_template.error().message;
  const auto rendered = chat_template->render(request);
  return rendered ? rendered->text : "fault: " + rendered.error().message;
}

const char* const kHi = R"([{"role": "user", "content": "hi "}])";
const char* const kChatMl =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

TEST(ChatTemplate, the_jinja_file_wins_over_every_configuration) {
  const ModelDirectory model;
  model.write("tokenizer_config.json", R"({"chat_template": "config"})");
  EXPECT_EQ(text_of(ChatTemplate::load(model.path()), request_with(kHi)), "config");
  model.write("chat_template.json", R"({"chat_template": "json"})");
  EXPECT_EQ(text_of(ChatTemplate::load(model.path()), request_with(kHi)), "json");
  model.write("chat_template.jinja", "file");
  EXPECT_EQ(text_of(ChatTemplate::load(model.path()), request_with(kHi)), "file");
}

TEST(ChatTemplate, a_configuration_that_includes_the_file_is_the_file) {
  const ModelDirectory model;
  model.write("tokenizer_config.json", R"({"chat_template": "{% include 'chat_template.jinja' %}"})");
  EXPECT_NE(text_of(ChatTemplate::load(model.path()), request_with(kHi)).find("has no chat template"),
            std::string::npos);
  model.write("chat_template.jinja", "file");
  EXPECT_EQ(text_of(ChatTemplate::load(model.path()), request_with(kHi)), "file");
}

TEST(ChatTemplate, several_templates_are_chosen_by_tools_or_by_name) {
  const ModelDirectory model;
  model.write("tokenizer_config.json",
              R"({"chat_template": [{"name": "default", "template": "D"}, {"name": "tool_use", "template": "T"}]})");
  model.write("additional_chat_templates/rag.jinja", "R");
  const auto loaded = ChatTemplate::load(model.path());
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->names(), (std::vector<std::string>{"default", "tool_use", "rag"}));
  ChatRequest request = request_with(kHi);
  EXPECT_EQ(text_of(loaded, request), "D");
  request.tools = Json::array();
  EXPECT_EQ(text_of(loaded, request), "T");
  request.template_name = "rag";
  EXPECT_EQ(text_of(loaded, request), "R");
  request.template_name = "x";
  EXPECT_EQ(text_of(loaded, request), "fault: the model has no chat template 'x', only default, tool_use, rag");
}

TEST(ChatTemplate, special_tokens_are_variables_and_trusted) {
  const ModelDirectory model;
  model.write("tokenizer_config.json",
              R"({"bos_token": {"content": "<s>"}, "eos_token": "</s>", "add_bos_token": true,
                  "chat_template": "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}"})");
  const auto loaded = ChatTemplate::load(model.path());
  ASSERT_TRUE(loaded) << loaded.error().message;
  const auto rendered = loaded->render(request_with(R"([{"role": "user", "content": "</s>"}])"));
  ASSERT_TRUE(rendered);
  EXPECT_EQ(rendered->text, "<s></s></s>");
  ASSERT_EQ(rendered->spans.size(), 3U);
  EXPECT_TRUE(rendered->spans[0].trusted);
  EXPECT_FALSE(rendered->spans[1].trusted);
  EXPECT_TRUE(rendered->spans[2].trusted);
}

TEST(ChatTemplate, known_roles_are_trusted_and_invented_ones_are_not) {
  const auto parsed = ChatTemplate::parse("<|{{ messages[0].role }}|>", {});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->render(request_with(R"([{"role": "user"}])"))->spans.size(), 1U);
  EXPECT_EQ(parsed->render(request_with(R"([{"role": "im_start"}])"))->spans.size(), 3U);
}

TEST(ChatTemplate, a_caller_cannot_smuggle_a_special_token_in_by_name) {
  const auto parsed = ChatTemplate::parse("{{ bos_token }}", {{"bos_token", "<s>"}});
  ChatRequest request = request_with(kHi);
  request.kwargs = {{"bos_token", "<|system|>"}};
  const auto rendered = parsed->render(request);
  ASSERT_TRUE(rendered);
  EXPECT_FALSE(rendered->spans.at(0).trusted);
}

TEST(ChatTemplate, the_generation_prompt_and_kwargs_reach_the_template) {
  const auto parsed = ChatTemplate::parse(std::string(kChatMl) + "{{ enable_thinking }}", {});
  ChatRequest request = request_with(kHi);
  request.kwargs = {{"enable_thinking", false}};
  EXPECT_EQ(text_of(parsed, request), "<|im_start|>user\nhi <|im_end|>\n<|im_start|>assistant\nFalse");
  request.add_generation_prompt = false;
  EXPECT_EQ(text_of(parsed, request), "<|im_start|>user\nhi <|im_end|>\nFalse");
}

TEST(ChatTemplate, reasoning_is_found_under_the_name_the_template_reads) {
  const auto parsed = ChatTemplate::parse("{{ messages[0].thinking }}|{{ messages[0].reasoning_content }}", {});
  const auto shown = [&](const std::string& fields) {
    const std::string messages = R"([{"role": "assistant", "content": "a", )" + fields + "}]";
    return text_of(parsed, request_with(messages.c_str()));
  };
  EXPECT_EQ(shown(R"("reasoning_content": "r")"), "r|r");
  EXPECT_EQ(shown(R"("thinking": "t")"), "t|t");
  EXPECT_EQ(shown(R"("reasoning": "o", "reasoning_content": null)"), "o|o");
  EXPECT_EQ(shown(R"("thinking": "t", "reasoning_content": "r")"), "t|r");
  EXPECT_EQ(shown(R"("name": "n")"), "|");
}

TEST(ChatTemplate, a_field_that_is_null_is_absent) {
  const auto parsed = ChatTemplate::parse("{{ messages[0].content }}{{ messages[0].tool_calls is defined }}", {});
  EXPECT_EQ(text_of(parsed, request_with(R"([{"role": "assistant", "content": null, "tool_calls": null}])")), "False");
}

TEST(ChatTemplate, the_final_message_can_be_left_open) {
  ChatRequest request =
      request_with(R"([{"role": "user", "content": "q"}, {"role": "assistant", "content": "The ans "}])");
  request.add_generation_prompt = false;
  request.continue_final_message = true;
  EXPECT_EQ(text_of(ChatTemplate::parse(kChatMl, {}), request),
            "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\nThe ans ");
  // A template that trims messages leaves no space before the cut either.
  const auto trims = ChatTemplate::parse("{% for m in messages %}[{{ m.content | trim }}]{% endfor %}", {});
  EXPECT_EQ(text_of(trims, request), "[q][The ans");
  const auto drops = ChatTemplate::parse("nothing", {});
  EXPECT_EQ(text_of(drops, request),
            "fault: the chat template drops the final message's text, so it cannot be continued");
  request.add_generation_prompt = true;
  EXPECT_EQ(text_of(drops, request), "fault: continue_final_message and add_generation_prompt exclude each other");
}

TEST(ChatTemplate, malformed_messages_are_named_by_field) {
  const auto field_of = [](const char* messages) { return check_messages(Json::parse(messages)).error().param; };
  EXPECT_EQ(field_of(R"({"role": "user"})"), "messages");
  EXPECT_EQ(field_of(R"(["hi"])"), "messages[0]");
  EXPECT_EQ(field_of(R"([{"role": "user"}, {"content": "x"}])"), "messages[1].role");
  EXPECT_EQ(field_of(R"([{"role": 1}])"), "messages[0].role");
  EXPECT_EQ(field_of(R"([{"role": "user", "content": 5}])"), "messages[0].content");
  EXPECT_EQ(field_of(R"([{"role": "user", "content": [{"text": "x"}]}])"), "messages[0].content[0].type");
  EXPECT_EQ(field_of(R"([{"role": "user", "content": [{"type": "text"}]}])"), "messages[0].content[0].text");
  EXPECT_EQ(field_of(R"([{"role": "user", "content": "", "tool_calls": {}}])"), "messages[0].tool_calls");
  EXPECT_TRUE(check_messages(Json::parse(R"([{"role": "assistant", "content": null, "tool_calls": []}])")));
}

TEST(ChatTemplate, a_template_that_raises_gives_its_own_words_and_line) {
  const auto parsed = ChatTemplate::parse("\n{{ raise_exception('No system role') }}", {});
  EXPECT_EQ(text_of(parsed, request_with(kHi)), "fault: No system role (template line 2)");
}

TEST(ChatTemplate, a_broken_template_is_refused_when_the_model_is_loaded) {
  const ModelDirectory model;
  model.write("chat_template.jinja", "a\n{% if x %}");
  const auto loaded = ChatTemplate::load(model.path());
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::invalid_model);
  EXPECT_NE(loaded.error().message.find("template line 2"), std::string::npos) << loaded.error().message;
}

TEST(ChatTemplate, one_template_serves_several_threads) {
  const auto parsed = ChatTemplate::parse(kChatMl, {});
  ASSERT_TRUE(parsed);
  const std::string expected = text_of(parsed, request_with(kHi));
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (size_t i = 0; i < wrong.size(); ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 50; ++round) wrong[i] += text_of(parsed, request_with(kHi)) != expected ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

}  // namespace
}  // namespace mlxserving::text
