#include "engine/guide.h"

#include <bit>
#include <cstring>
#include <string>

#include "core/check.h"
#include "core/result.h"
#include "engine/text_model.h"

namespace mlxserving::engine {
namespace {

static_assert(std::endian::native == std::endian::little, "a mask's words are halved in place");

Result<std::shared_ptr<const grammar::Vocabulary>> vocabulary_of(const TextModel& text, int32_t rows) {
  const text::Tokenizer& tokenizer = *text.tokenizer;
  std::vector<std::string> tokens(tokenizer.vocabulary_size());
  grammar::Vocabulary::Options options{.end_tokens = {}, .special_tokens = {}, .rows = static_cast<size_t>(rows)};
  for (text::TokenId id = 0; id < tokens.size(); ++id) {
    tokens[id] = tokenizer.token_bytes(id);
    if (tokenizer.is_special(id)) options.special_tokens.push_back(id);
  }
  options.end_tokens.assign(text.end_ids.begin(), text.end_ids.end());
  return grammar::Vocabulary::create(tokens, options);
}

}  // namespace

std::unique_ptr<grammar::Compiler> make_compiler(const TextModel& text, int32_t vocabulary_size) {
  return std::make_unique<grammar::Compiler>([&text, vocabulary_size] { return vocabulary_of(text, vocabulary_size); });
}

Guide::Guide(std::shared_ptr<grammar::Grammar> grammar)
    : matcher_(std::move(grammar)), mask_(matcher_.vocabulary().mask_words()), words_(mask_.size() * 2) {}

Result<std::span<const uint32_t>> Guide::allowed() {
  matcher_.fill_mask(mask_);
  MLXS_CHECKED(matcher_.status());
  std::memcpy(words_.data(), mask_.data(), mask_.size() * sizeof(uint64_t));
  return std::span<const uint32_t>(words_);
}

void Guide::accept(int32_t token) {
  const bool is_accepted = matcher_.accept(static_cast<grammar::TokenId>(token));
  check(is_accepted, "the sampler chose a token that the grammar allows");
}

}  // namespace mlxserving::engine
