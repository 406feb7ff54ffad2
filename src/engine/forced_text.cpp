#include "engine/forced_text.h"

#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace mlxserving::engine {
namespace {

constexpr size_t kForcedBytesMax = 512;  // at a time; what is left is forced again behind them

// The tokens of `bytes`, or nothing where together they stand for other bytes.
std::optional<std::vector<text::TokenId>> cut(const text::Tokenizer& tokenizer, const std::string& bytes) {
  auto encoding = tokenizer.encode(bytes, {.add_special_tokens = false, .parse_special = false});
  if (!encoding) return std::nullopt;
  std::string spelled;
  for (const text::TokenId id : encoding->ids) spelled += tokenizer.token_bytes(id);
  if (spelled != bytes) return std::nullopt;
  return std::move(encoding->ids);
}

// As they are cut behind the last token where that stays whole, else on their own.
std::vector<text::TokenId> cut_behind(const text::Tokenizer& tokenizer, text::TokenId last, const std::string& bytes) {
  auto both = cut(tokenizer, std::string(tokenizer.token_bytes(last)) + bytes);
  if (both && both->front() == last) return {both->begin() + 1, both->end()};
  return cut(tokenizer, bytes).value_or(std::vector<text::TokenId>());
}

}  // namespace

std::vector<int32_t> forced_tokens(const grammar::Matcher& matcher, const text::Tokenizer& tokenizer, int32_t last) {
  const std::string bytes = matcher.forced_bytes(kForcedBytesMax);
  if (bytes.empty()) return {};
  grammar::Matcher end = matcher;
  const bool is_whole = end.accept_bytes(bytes) && end.must_end();
  std::vector<int32_t> tokens;
  size_t from = 0;
  for (const text::TokenId id : cut_behind(tokenizer, static_cast<text::TokenId>(last), bytes)) {
    const bool may_be_longer = matcher.vocabulary().has_longer(std::string_view(bytes).substr(from));
    const bool is_text = matcher.vocabulary().is_text(id);
    if (!is_text || (may_be_longer && !is_whole)) break;
    tokens.push_back(static_cast<int32_t>(id));
    from += tokenizer.token_bytes(id).size();
  }
  return tokens;
}

}  // namespace mlxserving::engine
