// tokenizer.model of SentencePiece as parts of a Tokenizer: its pieces become our tables.
#pragma once

#include "text/tokenizer_file.h"

namespace mlxserving::text {

// BPE and Unigram models. Control pieces ("<s>") are found in trusted text as control tokens; the first one of a text
// is the model's BOS where it has one. `name` stands for the file in errors.
Result<TokenizerParts> parse_sentencepiece_file(std::string_view bytes, const std::string& name);

}  // namespace mlxserving::text
