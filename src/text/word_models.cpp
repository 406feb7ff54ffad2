#include "text/word_models.h"

#include <algorithm>

#include "core/result.h"
#include "core/utf8.h"

namespace mlxserving::text {
namespace {

// What both do alike: word by word, and one unknown token for a word that is not known.
class WordModel : public Model {
 public:
  WordModel(Vocabulary vocabulary, std::string unk_token)
      : vocabulary_(std::move(vocabulary)), unk_token_(std::move(unk_token)), unk_(vocabulary_.find(unk_token_)) {}

  Result<void> encode(const PreTokenized& text, ModelScratch& /*scratch*/, ModelOutput& out) const final {
    for (uint32_t i = 0; i < text.pieces().size(); ++i) {
      const Piece& piece = text.pieces()[i];
      if (piece.is_token()) {
        out.put(static_cast<TokenId>(piece.token), {i, 0, piece.end - piece.begin});
        continue;
      }
      const std::string_view word = text.text_of(piece);
      const size_t before = out.ids.size();
      if (encode_word(word, i, out)) continue;
      out.ids.resize(before);
      if (out.wants_extents) out.extents.resize(before);
      if (!unk_) {
        return fail(ErrorCode::invalid_model, "unk_token", "unk_token '{}' must be in the vocabulary: '{}' is unknown",
                    unk_token_, word);
      }
      out.put(*unk_, {i, 0, static_cast<uint32_t>(word.size())});
    }
    return {};
  }

  size_t size() const final { return vocabulary_.size(); }
  size_t ids_end() const final { return vocabulary_.ids_end(); }
  std::optional<TokenId> id_of(std::string_view token) const final { return vocabulary_.find(token); }
  std::optional<std::string> token_of(TokenId id) const final {
    return vocabulary_.has(id) ? std::optional<std::string>(vocabulary_.at(id)) : std::nullopt;
  }

 protected:
  // False when the word is unknown; what was appended is then taken back.
  virtual bool encode_word(std::string_view word, uint32_t piece, ModelOutput& out) const = 0;

  Vocabulary vocabulary_;

 private:
  std::string unk_token_;
  std::optional<TokenId> unk_;
};

class WordLevel final : public WordModel {
 public:
  using WordModel::WordModel;

 private:
  bool encode_word(std::string_view word, uint32_t piece, ModelOutput& out) const override {
    const auto id = vocabulary_.find(word);
    if (id) out.put(*id, {piece, 0, static_cast<uint32_t>(word.size())});
    return id.has_value();
  }
};

class WordPiece final : public WordModel {
 public:
  WordPiece(Vocabulary vocabulary, WordPieceOptions options)
      : WordModel(std::move(vocabulary), options.unk_token), options_(std::move(options)) {}

 private:
  bool encode_word(std::string_view word, uint32_t piece, ModelOutput& out) const override {
    if (utf8::length(word) > options_.max_input_chars_per_word) return false;
    std::string key;
    for (uint32_t begin = 0; begin < word.size();) {
      const std::string_view prefix = begin > 0 ? std::string_view(options_.continuing_subword_prefix) : "";
      key.assign(prefix);
      key += word.substr(begin);
      const int32_t id = longest_known(key, prefix.size());
      if (id < 0) return false;
      const auto end = begin + static_cast<uint32_t>(key.size() - prefix.size());
      out.put(static_cast<TokenId>(id), {piece, begin, end});
      begin = end;
    }
    return true;
  }

  // Shortens `key` character by character until it is a token; -1 when only the prefix is left.
  int32_t longest_known(std::string& key, size_t prefix) const {
    while (key.size() > prefix) {
      if (const int32_t id = vocabulary_.find_id(key); id >= 0) return id;
      while (key.size() > prefix && (static_cast<uint8_t>(key.back()) & 0xC0) == 0x80) key.pop_back();
      if (key.size() > prefix) key.pop_back();
    }
    return -1;
  }

  WordPieceOptions options_;
};

}  // namespace

std::unique_ptr<const Model> make_word_piece(Vocabulary vocabulary, WordPieceOptions options) {
  return std::make_unique<WordPiece>(std::move(vocabulary), std::move(options));
}

std::unique_ptr<const Model> make_word_level(Vocabulary vocabulary, std::string unk_token) {
  return std::make_unique<WordLevel>(std::move(vocabulary), std::move(unk_token));
}

}  // namespace mlxserving::text
