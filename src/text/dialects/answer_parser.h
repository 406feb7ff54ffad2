// From a model's text to the parts of its answer, as the text comes.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/dialects/answer_part.h"

namespace mlxserving::text {

// How the parts come out does not depend on how the text is cut into pieces, once neighbours of a kind are joined.
class AnswerParser {
 public:
  virtual ~AnswerParser() = default;

  // Appends the parts that have become certain.
  virtual void feed(std::string_view text, AnswerParts& parts) = 0;

  // The text has ended: what was held back.
  virtual void finish(AnswerParts& parts) = 0;
};

}  // namespace mlxserving::text
