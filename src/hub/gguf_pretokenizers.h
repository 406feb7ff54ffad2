// tokenizer.ggml.pre: the name under which GGUF files say how byte-level BPE splits text.
#pragma once

#include <string_view>

#include "core/json.h"
#include "mlxserving/error.h"

namespace mlxserving::hub {

struct PreTokenizer {
  Json normalizer;     // null: none
  Json pre_tokenizer;  // as in tokenizer.json, ByteLevel included
  bool ignore_merges = false;
  bool add_bos = false;  // where the file does not say
};

// Errors: unsupported_model with the known names.
Result<PreTokenizer> pre_tokenizer_of(std::string_view name, std::string_view path);

}  // namespace mlxserving::hub
