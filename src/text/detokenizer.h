// Tokens to text while they are generated: never half a character, never later than needed.
#pragma once

#include <memory>
#include <string>

#include "text/tokenizer.h"

namespace mlxserving::text {

struct DetokenizerOptions {
  bool skip_special_tokens = true;
  // The tokens continue a text (the prompt), so that a space in front of the first belongs to the answer. False: the
  // first token begins a text, as in Tokenizer::decode.
  bool continues_text = true;
};

// One a sequence; not shared between threads. All that push and flush return, one behind the other, is what decode
// gives for all ids together.
class Detokenizer {
 public:
  Detokenizer(std::shared_ptr<const Tokenizer> tokenizer, const DetokenizerOptions& options = {});
  ~Detokenizer();

  // The text that is certain now: valid UTF-8, possibly empty. Bytes that cannot become a character come out as U+FFFD
  // as soon as that is certain; a token that spells U+FFFD itself never waits.
  std::string push(TokenId id);

  // What was held back, at the end of the sequence. push must not follow.
  std::string flush();

 private:
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::unique_ptr<DecodeStream> stream_;
  DetokenizerOptions options_;
};

}  // namespace mlxserving::text
