// The normalizers of tokenizer.json: what is done to a text before it is cut.
#pragma once

#include <memory>
#include <string_view>

#include "text/aligned_text.h"
#include "text/json_fields.h"

namespace mlxserving::text {

// Immutable; any thread may call.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual Result<void> apply(AlignedText& text) const = 0;
  // True only when apply would change nothing; may say no without looking closely.
  virtual bool leaves(std::string_view /*text*/) const { return false; }
};

Result<std::unique_ptr<const Normalizer>> parse_normalizer(const Fields& fields);

}  // namespace mlxserving::text
