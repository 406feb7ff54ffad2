// config.json from the metadata of a GGUF file, with the keys Hugging Face gives each architecture.
#pragma once

#include "core/json.h"
#include "format/gguf.h"
#include "mlxserving/error.h"

namespace mlxserving::hub {

// Everything but the `quantization` block. Errors: unsupported_model (an architecture, a rope scaling or experts that
// are not converted), invalid_model (a key missing or absurd); `param` is the key.
Result<Json> config_from_gguf(const format::GgufFile& file);

// generation_config.json: the end-of-sequence ids of all the keys that name one.
Json generation_config_from_gguf(const format::GgufFile& file);

// The value of "<architecture>.<key>" names; general.architecture is present in any file config_from_gguf accepts.
std::string arch_key(const format::GgufFile& file, std::string_view key);

}  // namespace mlxserving::hub
