// What a model's text turns out to be: words for the reader, reasoning, or calls of tools.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mlxserving::text {

struct AnswerPart {
  enum class Kind {
    content,
    reasoning,
    call,       // a call begins; text is the tool's name
    arguments,  // a further piece of the call's arguments, JSON
    call_end,
    call_lost,  // what began as a call is none: its whole text follows as content
  };
  Kind kind;
  std::string text = {};
  bool operator==(const AnswerPart&) const = default;
};
using AnswerParts = std::vector<AnswerPart>;

// Appends, joining with the part before where that is of the same kind and both are text.
inline void add_part(AnswerParts& parts, AnswerPart::Kind kind, std::string_view text = {}) {
  using Kind = AnswerPart::Kind;
  const bool flows = kind == Kind::content || kind == Kind::reasoning || kind == Kind::arguments;
  if (flows && text.empty()) return;
  if (flows && !parts.empty() && parts.back().kind == kind) {
    parts.back().text += text;
  } else {
    parts.push_back({kind, std::string(text)});
  }
}

}  // namespace mlxserving::text
