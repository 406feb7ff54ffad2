// The words' half of a model directory: tokenizer, chat template, and which tokens end an answer.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mlxserving/error.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace mlxserving::engine {

// Immutable once loaded: any thread may read.
struct TextModel {
  std::shared_ptr<const text::Tokenizer> tokenizer;  // shared with detokenizers
  std::optional<text::ChatTemplate> chat_template;   // a base model has none
  std::vector<int32_t> end_ids;                      // end an answer, ascending
  std::vector<int32_t> newline_ids;                  // tokens of "\n", which XTC spares
};

Result<TextModel> load_text_model(const std::string& model_dir);

}  // namespace mlxserving::engine
