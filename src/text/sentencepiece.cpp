#include "core/result.h"
#include "text/tokenizer.h"
namespace mlxserving::text {
Result<std::shared_ptr<const Tokenizer>> Tokenizer::parse_sentencepiece(std::string_view, const std::string& name) {
  return fail(ErrorCode::unsupported_model, name, "{}: a SentencePiece model without tokenizer.json is not supported",
              name);
}
}  // namespace mlxserving::text
