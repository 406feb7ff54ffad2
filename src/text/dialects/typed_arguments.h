// Arguments that a dialect writes as text between marks, made into JSON by the tool's schema.
#pragma once

#include <string>
#include <vector>

#include "text/dialects/answer_part.h"
#include "text/dialects/dialects.h"

namespace mlxserving::text {

class TypedArguments {
 public:
  explicit TypedArguments(std::vector<ToolSignature> tools) : tools_(std::move(tools)) {}

  void begin(const std::string& name, AnswerParts& parts);
  // A parameter of type string takes the text as it is; any other the JSON that the text is, or a string where it is
  // none.
  void add(const std::string& key, const std::string& text, AnswerParts& parts);
  void end(AnswerParts& parts);

 private:
  bool is_string(const std::string& key) const;

  std::vector<ToolSignature> tools_;
  const ToolSignature* tool_ = nullptr;
  bool any_ = false;
};

}  // namespace mlxserving::text
