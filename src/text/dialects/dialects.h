// The dialects in which models write calls of tools: one row and one file each.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "text/dialects/answer_parser.h"

namespace mlxserving::text {

struct ToolSignature {
  std::string name;
  Json parameters = Json::object();  // JSON Schema
};

struct AnswerOptions {
  bool thinks = false;               // <think>…</think> holds reasoning
  bool begins_in_reasoning = false;  // the prompt ended with the opening tag
  std::vector<ToolSignature> tools = {};
};

struct Dialect {
  const char* name;
  const char* doc;
  // A template that has all of these (up to the first null) is of this dialect; the rows are asked in order.
  const char* marks[3];
  std::unique_ptr<AnswerParser> (*make)(const std::vector<ToolSignature>& tools);
  bool structures_all = false;  // every answer has its form, also without tools
  // The text of a call up to its name as a JSON string, from there to the arguments, and after them, for grammars that
  // force a call; null where the form is another.
  const char* call_begin = nullptr;
  const char* call_middle = nullptr;
  const char* call_end = nullptr;
  const char* answer_begin = nullptr;  // what the model writes before the text that is for the reader, if anything
};

std::span<const Dialect> dialects();
const Dialect* find_dialect(std::string_view name);  // or null

// The dialect that a chat template speaks; plain JSON where it takes tools in no known one; null where it takes none.
const Dialect* detect_dialect(std::string_view chat_template);

// What opens a call whatever stands in it, such as <tool_call>; empty where calls are bare JSON.
std::string call_mark(const Dialect& dialect);

// What to put behind a prompt for the answer's text to begin with the next token: the end of reasoning that the prompt
// has opened, the dialect's own heading; mostly nothing.
std::string answer_opening(std::string_view dialect, std::string_view prompt);

// Whether a template marks reasoning with <think> tags, and whether a rendered prompt has opened one.
bool has_think_tags(std::string_view chat_template);
bool ends_in_reasoning(std::string_view prompt);

// `dialect` null: no tools, reasoning only.
std::unique_ptr<AnswerParser> make_answer_parser(const Dialect* dialect, const AnswerOptions& options);

// One file each.
std::unique_ptr<AnswerParser> make_hermes(const std::vector<ToolSignature>& tools);
std::unique_ptr<AnswerParser> make_llama3(const std::vector<ToolSignature>& tools);
std::unique_ptr<AnswerParser> make_mistral(const std::vector<ToolSignature>& tools);
std::unique_ptr<AnswerParser> make_deepseek(const std::vector<ToolSignature>& tools);
std::unique_ptr<AnswerParser> make_glm(const std::vector<ToolSignature>& tools);
std::unique_ptr<AnswerParser> make_harmony(const std::vector<ToolSignature>& tools);
std::unique_ptr<AnswerParser> make_gemma(const std::vector<ToolSignature>& tools);
std::unique_ptr<AnswerParser> make_plain_json(const std::vector<ToolSignature>& tools);

}  // namespace mlxserving::text
