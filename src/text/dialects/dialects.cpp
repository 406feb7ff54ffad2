#include "text/dialects/dialects.h"

#include <algorithm>

#include "text/dialects/reasoning.h"

namespace mlxserving::text {
namespace {

// The first whose marks a template has. The more particular a mark, the earlier its row.
constexpr Dialect kDialects[] = {
    {"harmony",
     "gpt-oss: channels, calls to functions.NAME on the commentary channel",
     {"<|channel|>", "<|message|>"},
     make_harmony,
     true,
     nullptr,
     nullptr,
     nullptr,
     "<|channel|>final<|message|>"},
    {"deepseek",
     "DeepSeek V3, R1, V3.1: <｜tool▁calls▁begin｜> … <｜tool▁calls▁end｜>",
     {"<｜tool▁calls▁begin｜>"},
     make_deepseek},
    {"mistral",
     "Mistral: [TOOL_CALLS] [{…}], [TOOL_CALLS]NAME[ARGS]{…}",
     {"[TOOL_CALLS]"},
     make_mistral,
     false,
     "[TOOL_CALLS] [{\"name\": ",
     ", \"arguments\": ",
     "}]"},
    {"glm",
     "GLM 4.5 and later: <tool_call>NAME<arg_key>…</arg_key><arg_value>…</arg_value></tool_call>",
     {"<tool_call>", "<arg_key>"},
     make_glm},
    {"gemma",
     "FunctionGemma: <start_function_call>call:NAME{key:value}<end_function_call>",
     {"<start_function_call>"},
     make_gemma},
    {"gemma4", "Gemma 4: <|tool_call>call:NAME{key:value}<tool_call|>", {"<|tool_call>"}, make_gemma},
    {"hermes",
     "Hermes, Qwen: <tool_call>{\"name\": …, \"arguments\": …}</tool_call>, or <function=…><parameter=…> in it",
     {"<tool_call>"},
     make_hermes,
     false,
     "<tool_call>\n{\"name\": ",
     ", \"arguments\": ",
     "}\n</tool_call>"},
    {"llama3",
     "Llama 3: {\"name\": …, \"parameters\": …}, after <|python_tag|> or alone",
     {"<|start_header_id|>", "tools"},
     make_llama3,
     false,
     "{\"name\": ",
     ", \"parameters\": ",
     "}"},
    {"json",
     "Any other: the answer is {\"name\": …, \"arguments\": …} or a list of such",
     {"tools"},
     make_plain_json,
     false,
     "{\"name\": ",
     ", \"arguments\": ",
     "}"},
};

bool has(std::string_view text, const char* mark) { return text.find(mark) != std::string_view::npos; }

}  // namespace

std::span<const Dialect> dialects() { return kDialects; }

const Dialect* find_dialect(std::string_view name) {
  for (const Dialect& dialect : kDialects) {
    if (name == dialect.name) return &dialect;
  }
  return nullptr;
}

const Dialect* detect_dialect(std::string_view chat_template) {
  for (const Dialect& dialect : kDialects) {
    if (std::ranges::all_of(dialect.marks, [&](const char* m) { return m == nullptr || has(chat_template, m); })) {
      return &dialect;
    }
  }
  return nullptr;
}

std::string call_mark(const Dialect& dialect) {
  const std::string_view begin = dialect.call_begin == nullptr ? "" : dialect.call_begin;
  return std::string(begin.substr(0, begin.find_first_of(" \n{")));
}

std::string answer_opening(std::string_view dialect, std::string_view prompt) {
  const Dialect* row = find_dialect(dialect);
  if (row != nullptr && row->answer_begin != nullptr) return row->answer_begin;
  return ends_in_reasoning(prompt) ? std::string(kThinkClose) + "\n\n" : "";
}

bool has_think_tags(std::string_view chat_template) {
  return has(chat_template, kThinkOpen) || has(chat_template, kThinkClose);
}

bool ends_in_reasoning(std::string_view prompt) {
  const size_t last = prompt.find_last_not_of(" \t\r\n");
  return last != std::string_view::npos && prompt.substr(0, last + 1).ends_with(kThinkOpen);
}

std::unique_ptr<AnswerParser> make_answer_parser(const Dialect* dialect, const AnswerOptions& options) {
  std::unique_ptr<AnswerParser> tools = dialect == nullptr ? nullptr : dialect->make(options.tools);
  if (!options.thinks) return tools != nullptr ? std::move(tools) : make_reasoning(nullptr, false);
  return make_reasoning(std::move(tools), options.begins_in_reasoning);
}

}  // namespace mlxserving::text
