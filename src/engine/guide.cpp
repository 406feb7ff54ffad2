#include "engine/guide.h"

#include <bit>
#include <cstring>
#include <exception>
#include <string>

#include "core/check.h"
#include "core/result.h"
#include "engine/forced_text.h"
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

void Guide::work(std::optional<int32_t> token, size_t forced_max) {
  const auto begin = std::chrono::steady_clock::now();
  try {
    follow(token, forced_max);
  } catch (const std::exception& e) {  // on a thread that must not throw
    error_ = Error{ErrorCode::internal, e.what(), "constraint"};
  }
  last_work_ = std::chrono::steady_clock::now() - begin;
  is_busy_.store(false, std::memory_order_release);
}

void Guide::follow(std::optional<int32_t> token, size_t forced_max) {
  if (!matcher_) matcher_.emplace(grammar_);
  if (token) {
    accept(*token);
    if (forced_.empty()) {
      const std::vector<int32_t> forced = forced_tokens(*matcher_, tokenizer_, *token);
      forced_.assign(forced.begin(), forced.end());
    } else {
      forced_.pop_front();  // the token was it
    }
  }
  for (; !forced_.empty() && taken_.size() < forced_max; forced_.pop_front()) {
    accept(forced_.front());
    taken_.push_back(forced_.front());
  }
  is_over_ = matcher_->is_ended() || matcher_->must_end();
  if (is_over_) return;
  std::vector<uint64_t> mask(matcher_->vocabulary().mask_words());
  if (forced_.empty()) {
    matcher_->fill_mask(mask);
  } else {
    mask[static_cast<size_t>(forced_.front()) / 64] = uint64_t{1} << (forced_.front() % 64);
  }
  words_.resize(mask.size() * 2);
  std::memcpy(words_.data(), mask.data(), mask.size() * sizeof(uint64_t));
  if (const auto status = matcher_->status(); !status) error_ = status.error();
}

void Guide::accept(int32_t token) {
  const bool is_accepted = matcher_->accept(static_cast<grammar::TokenId>(token));
  check(is_accepted, "a token is one that the grammar allows");
}

Result<std::span<const uint32_t>> Guide::allowed() const {
  check(!is_busy() && matcher_.has_value(), "a mask is asked for when it is there");
  if (error_) return *error_;
  return std::span<const uint32_t>(words_);
}

}  // namespace mlxserving::engine
