// The pre-tokenizers of tokenizer.json: what cuts a text into the pieces that the model sees one by one.
#pragma once

#include <memory>
#include <vector>

#include "text/json_fields.h"
#include "text/pre_tokenized.h"

namespace mlxserving::text {

// Immutable; any thread may call.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual Result<void> apply(PreTokenized& text) const = 0;
  // Asks where a piece begins in the original text, which must then be followed.
  virtual bool needs_origins() const { return false; }
};

// The only ByteLevel stands at the end, where nothing but the model sees what it does. The model may then read raw
// bytes instead of characters that stand for them.
bool ends_in_byte_level(const Json& json);

// `raw_bytes`: leave out the byte alphabet, see above.
Result<std::unique_ptr<const PreTokenizer>> parse_pre_tokenizer(const Fields& fields, bool raw_bytes);

}  // namespace mlxserving::text
