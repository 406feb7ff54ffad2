#include "text/detokenizer.h"

#include "text/decoder.h"

namespace mlxserving::text {

Detokenizer::Detokenizer(std::shared_ptr<const Tokenizer> tokenizer, const DetokenizerOptions& options)
    : tokenizer_(std::move(tokenizer)), stream_(tokenizer_->decode_stream(options.continues_text)), options_(options) {}

Detokenizer::~Detokenizer() = default;

std::string Detokenizer::push(TokenId id) {
  auto input = tokenizer_->decoder_input(id, options_.skip_special_tokens);
  return input ? stream_->push(std::move(*input)) : std::string();
}

std::string Detokenizer::flush() { return stream_->finish(); }

}  // namespace mlxserving::text
