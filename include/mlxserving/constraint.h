// What form an answer must have. A constraint is compiled to a grammar before its request queues; what it cannot
// enforce is refused then, never widened (docs/structured-output.md lists each keyword).
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace mlxserving {

// White space and key order of generated JSON.
struct JsonLayout {
  enum class Space : uint8_t {
    flexible,  // at each place nothing, one space, or line ends (at most two) and an indent of at most 32
    compact,   // none
    indented,  // a line and `indent` spaces a level, one space after a colon
    any,       // any run of JSON white space up to 64 bytes, before colons and commas too
  };
  enum class Order : uint8_t {
    declared,  // keys come in the order of `properties`, then those only required, then unnamed ones
    any,
  };
  Space space = Space::flexible;
  uint32_t indent = 2;
  Order order = Order::declared;
};

// Any JSON object.
struct JsonObjectConstraint {
  JsonLayout layout = {};
};
// Drafts 4 to 2020-12. The text, not a parsed value: the order of its keys is the order of the answer's.
struct JsonSchemaConstraint {
  std::string schema;
  JsonLayout layout = {};
};
// The whole answer matches the pattern, in the notation of ECMA-262.
struct RegexConstraint {
  std::string pattern;
};
// The answer is one of these texts.
struct ChoiceConstraint {
  std::vector<std::string> texts;
};
// A grammar in llama.cpp's notation, from its rule `root`.
struct GbnfConstraint {
  std::string grammar;
};
// A grammar in Lark's notation, from its rule `start`.
struct LarkConstraint {
  std::string grammar;
};
struct XmlConstraint {
  enum class Form : uint8_t {
    well_formed,  // any well-formed document; `document` is empty
    model,        // `document` is an example whose elements and attributes the answer has
    schema,       // `document` is an XML Schema (the documented part of it)
  };
  Form form = Form::well_formed;
  std::string document = {};
};
// Free text in which a trigger opens a part that must follow a constraint of its own, up to its end: tool calls.
struct StructuralTag {
  std::string begin;   // opens the part, such as <tool_call>
  std::string schema;  // JSON Schema of what stands inside
  std::string end;     // closes it
};
struct StructuralTagConstraint {
  std::vector<StructuralTag> tags;
  std::vector<std::string> triggers = {};  // prefixes of `begin` after which a tag must follow; empty: each whole begin
  bool required = false;                   // the answer is at least one tag
  bool parallel = true;                    // more than one tag may come
};

// std::monostate: free text.
using Constraint =
    std::variant<std::monostate, JsonObjectConstraint, JsonSchemaConstraint, RegexConstraint, ChoiceConstraint,
                 GbnfConstraint, LarkConstraint, XmlConstraint, StructuralTagConstraint>;

}  // namespace mlxserving
