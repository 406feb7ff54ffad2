// The "model" of tokenizer.json: by far its largest part, and read in one pass.
#pragma once

#include <simdjson.h>

#include <memory>

#include "text/model.h"

namespace mlxserving::text {

struct ParsedModel {
  std::unique_ptr<const Model> model;
  bool tokens_are_text = false;  // see TokenizerParts
  bool byte_level = false;       // takes raw bytes
};

// `byte_level`: the pre-tokenizer could leave the byte alphabet to the model. simdjson's errors arrive as exceptions,
// which the caller catches.
Result<ParsedModel> parse_model(simdjson::ondemand::object model, bool byte_level);

}  // namespace mlxserving::text
