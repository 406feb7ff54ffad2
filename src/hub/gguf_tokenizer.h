// The tokenizer of a GGUF file as Hugging Face's tokenizer files. GGUF keeps the tokens, their kinds, and either merges
// (`gpt2`) or scores (`llama`); how text is split before merging is only a name (`pre`), looked up in a table here.
#pragma once

#include <string>

#include "core/json.h"
#include "format/gguf.h"
#include "mlxserving/error.h"

namespace mlxserving::hub {

struct TokenizerFiles {
  Json tokenizer;             // tokenizer.json
  Json config;                // tokenizer_config.json
  std::string chat_template;  // chat_template.jinja; empty: the file has none
};

// Errors: unsupported_model (a tokenizer model or `pre` that is not known, with the list of those that are),
// invalid_model (lists of different lengths, ids out of range, text that is not UTF-8); `param` is the key.
Result<TokenizerFiles> tokenizer_from_gguf(const format::GgufFile& file);

}  // namespace mlxserving::hub
