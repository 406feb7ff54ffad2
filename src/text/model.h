// What turns pieces of text into tokens: BPE, Unigram, WordPiece, WordLevel.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mlxserving/error.h"
#include "text/pre_tokenized.h"
#include "text/vocabulary.h"

namespace mlxserving::text {

// Where a token lies in the text of its piece. Past the piece's end only where the reference counts so (its byte
// fallback with a suffix).
struct Extent {
  uint32_t piece;  // index into PreTokenized::pieces()
  uint32_t begin;
  uint32_t end;
};

// `extents` is filled, one a token, when `wants_extents`.
struct ModelOutput {
  std::vector<TokenId> ids;
  std::vector<Extent> extents;
  bool wants_extents = false;

  void put(TokenId id, const Extent& extent) {
    ids.push_back(id);
    if (wants_extents) extents.push_back(extent);
  }
};

// Memory that one caller at a time uses to encode; what is in it makes the next call faster.
class ModelScratch {
 public:
  virtual ~ModelScratch() = default;
};

// Immutable; any thread may encode, each with its own scratch.
class Model {
 public:
  virtual ~Model() = default;

  // Appends the tokens of all pieces. Errors when the text has no tokens and the model no unknown one.
  virtual Result<void> encode(const PreTokenized& text, ModelScratch& scratch, ModelOutput& out) const = 0;

  virtual std::unique_ptr<ModelScratch> make_scratch() const { return std::make_unique<ModelScratch>(); }

  // The vocabulary of the file, as strings. ids_end() is one more than the largest id; ids may have holes.
  virtual size_t size() const = 0;
  virtual size_t ids_end() const = 0;
  virtual std::optional<TokenId> id_of(std::string_view token) const = 0;
  virtual std::optional<std::string> token_of(TokenId id) const = 0;
};

}  // namespace mlxserving::text
