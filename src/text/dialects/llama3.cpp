// {"name": ..., "parameters": {...}}, several with ';' between them; after <|python_tag|>, or as the whole answer.
#include "text/dialects/call_parser.h"
#include "text/dialects/dialects.h"
#include "text/dialects/json_sequence.h"

namespace mlxserving::text {

std::unique_ptr<AnswerParser> make_llama3(const std::vector<ToolSignature>& tools) {
  std::vector<std::string> names;
  for (const ToolSignature& tool : tools) names.push_back(tool.name);
  return std::make_unique<CallParser>(
      CallSections{.opens = {"<|python_tag|>"}, .first_characters = "{[", .reader = [names](const std::string&) {
                     return read_json_sequence({.names = names, .separator = ';'});
                   }});
}

}  // namespace mlxserving::text
