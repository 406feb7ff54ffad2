// The whole answer is a call, or a list of calls, perhaps in a fence: what models do that were taught no form.
#include "text/dialects/call_parser.h"
#include "text/dialects/dialects.h"
#include "text/dialects/json_sequence.h"

namespace mlxserving::text {

std::unique_ptr<AnswerParser> make_plain_json(const std::vector<ToolSignature>& tools) {
  std::vector<std::string> names;
  names.reserve(tools.size());
  for (const ToolSignature& tool : tools) names.push_back(tool.name);
  return std::make_unique<CallParser>(
      CallSections{.opens = {}, .first_characters = "{[`", .reader = [names](const std::string&) {
                     return read_json_sequence({.names = names, .fence = true});
                   }});
}

}  // namespace mlxserving::text
