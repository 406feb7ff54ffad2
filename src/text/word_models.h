// The models that look words up: WordPiece (the longest known prefix, again and again) and WordLevel (the whole word).
#pragma once

#include <memory>
#include <string>

#include "text/model.h"

namespace mlxserving::text {

struct WordPieceOptions {
  std::string unk_token = "[UNK]";
  std::string continuing_subword_prefix = "##";
  size_t max_input_chars_per_word = 100;  // longer words are unknown
};

std::unique_ptr<const Model> make_word_piece(Vocabulary vocabulary, WordPieceOptions options);

std::unique_ptr<const Model> make_word_level(Vocabulary vocabulary, std::string unk_token);

}  // namespace mlxserving::text
