// tokenizer.json as parts: what a Tokenizer is put together from.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/added_tokens.h"
#include "text/decoder.h"
#include "text/model.h"
#include "text/normalizer.h"
#include "text/post_processor.h"
#include "text/pre_tokenizer.h"

namespace mlxserving::text {

struct TokenizerParts {
  std::unique_ptr<const Normalizer> normalizer;       // may be null
  std::unique_ptr<const PreTokenizer> pre_tokenizer;  // may be null
  std::unique_ptr<const Model> model;
  bool tokens_are_text = false;  // a model token's own string is the text it came from, not its vocabulary's (Unigram)
  AddedTokens added;
  PostProcessor post_processor;
  Decoder decoder;
};

// `name` stands for the file in errors. Truncation and padding of the file are not applied: a server decides about
// lengths.
Result<TokenizerParts> parse_tokenizer_file(std::string_view json, const std::string& name);

}  // namespace mlxserving::text
