// The vocabulary of a Hugging Face tokenizer.json as bytes.
#pragma once

#include <memory>
#include <string>

#include "grammar/vocabulary.h"

namespace mlxserving::bench {

Result<std::shared_ptr<const grammar::Vocabulary>> read_vocabulary(const std::string& tokenizer_json);

}  // namespace mlxserving::bench
