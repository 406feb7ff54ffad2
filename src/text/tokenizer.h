// Words to tokens and back, as the model's own tokenizer files say: tokenizer.json or SentencePiece's tokenizer.model.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mlxserving/error.h"

namespace mlxserving::text {

using TokenId = uint32_t;

constexpr size_t kTextBytesMax = size_t{1} << 28;           // of one encode
constexpr size_t kTokenizerFileBytesMax = size_t{1} << 28;  // the largest in use has 33 MB

struct EncodeOptions {
  bool add_special_tokens = true;  // what the post-processor puts around a text, such as a first <s>
  bool parse_special = true;       // false: the text cannot become a control token, whatever it spells
  bool offsets = false;
};

struct Encoding {
  std::vector<TokenId> ids;
  // With EncodeOptions::offsets: [begin, end) of each token in code points of the text; {0, 0} for what was added.
  std::vector<std::pair<uint32_t, uint32_t>> offsets;
};

// A stretch of a text and whether it may spell control tokens: the template's own words may, a user's message may not.
struct Span {
  std::string_view text;
  bool trusted = false;
};

struct DecodeOptions {
  bool skip_special_tokens = false;
};

class DecodeStream;

// Immutable: every method is const and may be called from any thread at once.
class Tokenizer {
 public:
  // `path` is a model directory or the file itself. In a directory tokenizer.json is preferred to tokenizer.model.
  // `param` of an error names the file.
  static Result<std::shared_ptr<const Tokenizer>> load(const std::string& path);

  // From the text of a tokenizer.json. `name` stands for it in errors.
  static Result<std::shared_ptr<const Tokenizer>> parse(std::string_view json, const std::string& name);

  // From the bytes of a SentencePiece model.
  static Result<std::shared_ptr<const Tokenizer>> parse_sentencepiece(std::string_view bytes, const std::string& name);

  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;
  ~Tokenizer();

  // Invalid UTF-8 counts as U+FFFD. Errors: the text is too long, or holds what the model has no token for.
  Result<Encoding> encode(std::string_view text, const EncodeOptions& options = {}) const;

  // The concatenated spans as one text, in which a control token is found only where it lies wholly in trusted spans.
  // A token that is part of the model's own vocabulary and not special ("\n\n" of Gemma) is text, not control.
  Result<Encoding> encode(std::span<const Span> spans, const EncodeOptions& options = {}) const;

  // Valid UTF-8. Ids that do not exist are skipped.
  std::string decode(std::span<const TokenId> ids, const DecodeOptions& options = {}) const;

  // One more than the largest id. A model may have more rows: those are never text.
  size_t vocabulary_size() const;

  std::optional<TokenId> token_to_id(std::string_view token) const;
  // The string of the file, "Ġthe"; nothing when there is no such id.
  std::optional<std::string> id_to_token(TokenId id) const;

  // The raw bytes that a token adds to a text that it continues (" the", or half of a UTF-8 sequence); empty for ids
  // that do not exist. Valid as long as the tokenizer lives.
  std::string_view token_bytes(TokenId id) const;

  // Flagged special in its file: dropped by DecodeOptions::skip_special_tokens.
  bool is_special(TokenId id) const;

  // For Detokenizer: what the decoder gets for a token, nothing when it is skipped or does not exist, and a decoder
  // that takes such strings one by one.
  std::optional<std::string> decoder_input(TokenId id, bool skip_special_tokens) const;
  std::unique_ptr<DecodeStream> decode_stream(bool continues_text) const;

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mlxserving::text
