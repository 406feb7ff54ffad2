// From a list of messages to the text a model was trained on: the model directory's Jinja template, and what goes into
// it.
#pragma once

#include <ctime>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/json.h"
#include "mlxserving/error.h"
#include "text/jinja/template.h"

namespace mlxserving::text {

struct ChatRequest {
  Json messages;                 // [{"role", "content", ...}]
  Json tools = nullptr;          // list of tool schemas, or null
  Json documents = nullptr;      // list of documents, or null
  Json kwargs = Json::object();  // enable_thinking and the like: variables by name
  std::string
      template_name;  // of a model with several; empty: "tool_use" with tools where there is one, else "default"
  bool add_generation_prompt = true;
  bool continue_final_message = false;  // the text ends where the last message's content ends
  std::tm now{};                        // what strftime_now() sees
};

// Checks the form of a message list before any template sees it; `param` names the field at fault ("messages[2].role").
Result<void> check_messages(const Json& messages);

// Immutable; may be shared by threads.
class ChatTemplate {
 public:
  // The templates and special tokens of a model directory. chat_template.jinja wins over chat_template.json, which wins
  // over the chat_template of tokenizer_config.json; additional_chat_templates/NAME.jinja add more. Errors: not_found
  // when the directory has none, invalid_model for one that cannot be parsed.
  static Result<ChatTemplate> load(const std::string& directory);

  // From a source, with special tokens by name ("bos_token").
  static Result<ChatTemplate> parse(std::string_view source,
                                    std::vector<std::pair<std::string, std::string>> special_tokens);

  // The text and which of it may become special tokens: the template's own words, special tokens, and well-known role
  // names may; contents, tools, documents and kwargs never. Errors: invalid_request, resource_exhausted.
  Result<jinja::Rendered> render(const ChatRequest& request) const;

  const std::vector<std::pair<std::string, std::string>>& special_tokens() const { return special_tokens_; }
  // "default" first.
  std::vector<std::string> names() const;
  // The text of all templates, to see what form of answers they speak of.
  std::string sources() const;

 private:
  struct Named {
    std::string name;
    std::string source;
    jinja::Template compiled;
  };

  ChatTemplate() = default;
  Result<void> add(const std::string& name, const std::string& source);
  Result<const Named*> choose(const ChatRequest& request) const;

  std::vector<Named> templates_;
  std::vector<std::pair<std::string, std::string>> special_tokens_;
};

}  // namespace mlxserving::text
