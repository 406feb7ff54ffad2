#include "text/added_tokens.h"

#include <algorithm>
#include <cstring>

#include "core/utf8.h"
#include "text/unicode.h"

namespace mlxserving::text {
namespace {

size_t start_of_last_char(std::string_view text) {
  size_t at = text.size() - 1;
  while (at > 0 && (static_cast<uint8_t>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

bool ends_with_word(std::string_view text) {
  return !text.empty() && unicode::is_rust_word(utf8::decode(text.substr(start_of_last_char(text))).code_point);
}

bool starts_with_word(std::string_view text) {
  return !text.empty() && unicode::is_rust_word(utf8::decode(text).code_point);
}

// Where the white space at the end of `text` begins.
size_t space_at_end(std::string_view text) {
  while (!text.empty()) {
    const size_t at = start_of_last_char(text);
    if (!unicode::is_space(utf8::decode(text.substr(at)).code_point)) break;
    text = text.substr(0, at);
  }
  return text.size();
}

// Bytes of white space that `text` begins with.
size_t space_at_start(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const utf8::Decoded d = utf8::decode(text.substr(at));
    if (!unicode::is_space(d.code_point)) break;
    at += d.bytes;
  }
  return at;
}

}  // namespace

Result<void> AddedTokens::add(std::vector<AddedToken> tokens, const Model& model, const Normalizer* normalizer) {
  if (tokens.size() > kAddedTokensMax) {
    return fail(ErrorCode::resource_exhausted, "added_tokens", "added_tokens: at most {} are allowed, found {}",
                kAddedTokensMax, tokens.size());
  }
  auto next_id = static_cast<TokenId>(model.size());
  for (AddedToken& token : tokens) {
    if (token.content.empty()) continue;
    if (token.content.size() > kTokenBytesMax) {
      return fail(ErrorCode::resource_exhausted, "added_tokens",
                  "added_tokens: a token may have at most {} bytes, found {}", kTokenBytesMax, token.content.size());
    }
    const auto known = id_of(token.content);
    const auto in_model = known ? known : model.id_of(token.content);
    const TokenId id = in_model ? *in_model : next_id++;
    std::string normal_form;
    if (token.normalized && normalizer != nullptr) {
      AlignedText text = AlignedText::unchanged(token.content, 0, false);
      MLXS_CHECKED(normalizer->apply(text));
      if (text.text() != token.content) normal_form = text.text();
    }
    add_one(std::move(token), id, std::move(normal_form));
  }
  build();
  return {};
}

void AddedTokens::add_one(AddedToken token, TokenId id, std::string normal_form) {
  ids_[token.content] = id;
  if (!normal_form.empty()) normal_forms_[id] = std::move(normal_form);
  if (token.special) special_contents_.insert(token.content);
  ids_end_ = std::max<size_t>(ids_end_, id + 1);
  tokens_[id] = std::move(token);
}

void AddedTokens::build() {
  for (const auto& [id, token] : tokens_) {
    const std::string text = *text_of(id);
    any_normalized_ = any_normalized_ || token.normalized;
    Matcher& matcher = token.normalized ? after_ : before_;
    matcher.trie.add(token.normalized ? text : token.content, id);
  }
  for (Matcher* matcher : {&before_, &after_}) {
    for (int byte = 0; byte < 256; ++byte) {
      if (matcher->trie.can_start(static_cast<uint8_t>(byte))) matcher->first_bytes += static_cast<char>(byte);
    }
  }
}

std::optional<TokenId> AddedTokens::id_of(std::string_view content) const {
  const auto it = ids_.find(std::string(content));
  return it != ids_.end() ? std::optional<TokenId>(it->second) : std::nullopt;
}

const AddedToken* AddedTokens::find(TokenId id) const {
  const auto it = tokens_.find(id);
  return it != tokens_.end() ? &it->second : nullptr;
}

std::optional<std::string> AddedTokens::text_of(TokenId id) const {
  const AddedToken* token = find(id);
  if (token == nullptr) return std::nullopt;
  const auto form = normal_forms_.find(id);
  return form != normal_forms_.end() ? form->second : token->content;
}

size_t AddedTokens::next_candidate(const Matcher& matcher, std::string_view text, size_t from) const {
  if (matcher.first_bytes.size() == 1) {
    const void* at = std::memchr(text.data() + from, matcher.first_bytes[0], text.size() - from);
    return at != nullptr ? static_cast<size_t>(static_cast<const char*>(at) - text.data()) : text.size();
  }
  while (from < text.size() && !matcher.trie.can_start(static_cast<uint8_t>(text[from]))) ++from;
  return from;
}

void AddedTokens::split(PreTokenized& text, bool normalized, const TokenGuard* guard) const {
  const Matcher& matcher = normalized ? after_ : before_;
  if (matcher.first_bytes.empty()) return;
  text.split_to_pieces([&](const Piece& piece, std::vector<Piece>& out) { cut(text, piece, matcher, guard, out); });
}

// The leftmost token, and of those that begin there the longest that may be taken.
void AddedTokens::cut(const PreTokenized& text, const Piece& piece, const Matcher& matcher, const TokenGuard* guard,
                      std::vector<Piece>& out) const {
  const std::string_view all = text.text_of(piece);
  size_t gap = 0;
  for (size_t at = next_candidate(matcher, all, 0); at < all.size(); at = next_candidate(matcher, all, at)) {
    size_t bytes = 0;
    TokenId id = 0;
    matcher.trie.each_prefix(all.substr(at), [&](size_t length, uint32_t value) {
      const auto begin = static_cast<uint32_t>(piece.begin + at);
      if (guard != nullptr && !guard->allows(text.origin_of(begin, begin + static_cast<uint32_t>(length)), value))
        return;
      bytes = length;
      id = value;
    });
    if (bytes == 0) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_.at(id);
    size_t begin = at;
    size_t end = at + bytes;
    at = end;
    if (token.single_word && (ends_with_word(all.substr(0, begin)) || starts_with_word(all.substr(end)))) continue;
    if (token.rstrip) end += space_at_start(all.substr(end));
    // The token before may have taken the white space of this one, and this one with it.
    if (token.lstrip) begin = std::max(space_at_end(all.substr(0, begin)), gap);
    if (begin >= end) continue;
    if (gap < begin) out.push_back({static_cast<uint32_t>(gap), static_cast<uint32_t>(begin), 0, Piece::kNoToken});
    out.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(end), 0, static_cast<int32_t>(id)});
    gap = end;
  }
  if (gap < all.size()) {
    out.push_back({static_cast<uint32_t>(gap), static_cast<uint32_t>(all.size()), 0, Piece::kNoToken});
  }
}

}  // namespace mlxserving::text
