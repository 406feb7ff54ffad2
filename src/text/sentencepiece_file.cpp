#include "text/sentencepiece_file.h"

#include <algorithm>
#include <map>

#include "core/result.h"
#include "core/utf8.h"
#include "text/bpe.h"
#include "text/byte_trie.h"
#include "text/precompiled.h"
#include "text/protobuf.h"
#include "text/unigram.h"

namespace mlxserving::text {
namespace {

constexpr std::string_view kMark = "\u2581";

// The values are the file's.
enum class PieceType { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

struct SpmPiece {
  std::string text;
  float score = 0;
  PieceType type = PieceType::normal;
};

constexpr uint64_t kUnigram = 1;
constexpr uint64_t kBpe = 2;

struct SpmModel {
  std::vector<SpmPiece> pieces;
  uint64_t model_type = kUnigram;
  bool byte_fallback = false;
  bool treat_whitespace_as_suffix = false;
  int64_t bos_id = 1;
  std::string charsmap;
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
};

Error broken(std::string_view what) {
  return fail(ErrorCode::invalid_model, "", "not a SentencePiece model: {} is no protobuf message", what);
}

// Calls visit for each field.
template <typename Visit>
Result<void> each_field(std::string_view message, std::string_view what, const Visit& visit) {
  ProtobufReader reader(message);
  for (auto field = reader.next();; field = reader.next()) {
    if (!field) return broken(what);
    if (field->number == 0) return {};
    MLXS_CHECKED(visit(*field));
  }
}

Result<SpmPiece> parse_piece(std::string_view message) {
  SpmPiece piece;
  MLXS_CHECKED(each_field(message, "a piece", [&](const ProtobufField& field) {
    if (field.number == 1) piece.text = field.bytes;
    if (field.number == 2) piece.score = field.as_float();
    if (field.number == 3) piece.type = static_cast<PieceType>(std::min<uint64_t>(field.integer, 7));
    return Result<void>();
  }));
  if (piece.text.empty() || !utf8::is_valid(piece.text)) {
    return fail(ErrorCode::invalid_model, "pieces", "pieces must be UTF-8 and not empty");
  }
  return piece;
}

Result<void> parse_trainer(std::string_view message, SpmModel& model) {
  return each_field(message, "trainer_spec", [&](const ProtobufField& field) {
    if (field.number == 3) model.model_type = field.integer;
    if (field.number == 24) model.treat_whitespace_as_suffix = field.integer != 0;
    if (field.number == 35) model.byte_fallback = field.integer != 0;
    if (field.number == 41) model.bos_id = static_cast<int32_t>(field.integer);
    return Result<void>();
  });
}

Result<void> parse_normalizer(std::string_view message, SpmModel& model) {
  return each_field(message, "normalizer_spec", [&](const ProtobufField& field) {
    if (field.number == 2) model.charsmap = field.bytes;
    if (field.number == 3) model.add_dummy_prefix = field.integer != 0;
    if (field.number == 4) model.remove_extra_whitespaces = field.integer != 0;
    if (field.number == 5) model.escape_whitespaces = field.integer != 0;
    return Result<void>();
  });
}

Result<SpmModel> parse(std::string_view bytes) {
  SpmModel model;
  MLXS_CHECKED(each_field(bytes, "the file", [&](const ProtobufField& field) -> Result<void> {
    if (field.number == 2) return parse_trainer(field.bytes, model);
    if (field.number == 3) return parse_normalizer(field.bytes, model);
    if (field.number != 1) return {};
    if (model.pieces.size() == kVocabularyMax) {
      return fail(ErrorCode::resource_exhausted, "pieces", "pieces: at most {} are allowed", kVocabularyMax);
    }
    MLXS_TRY(SpmPiece piece, parse_piece(field.bytes));
    model.pieces.push_back(std::move(piece));
    return {};
  }));
  if (model.pieces.empty())
    return fail(ErrorCode::invalid_model, "pieces", "not a SentencePiece model: it has no pieces");
  return model;
}

// White space as SentencePiece treats it: runs become one, ends go, the rest is marked. What was defined by the user
// passes as it is.
class SpmNormalizer final : public Normalizer {
 public:
  static Result<std::unique_ptr<const Normalizer>> make(const SpmModel& model) {
    auto normalizer = std::make_unique<SpmNormalizer>();
    if (!model.charsmap.empty()) {
      MLXS_TRY(normalizer->charsmap_, Precompiled::parse(model.charsmap, "normalizer_spec.precompiled_charsmap"));
    }
    for (const SpmPiece& piece : model.pieces) {
      if (piece.type == PieceType::user_defined) normalizer->user_defined_.add(piece.text, 0);
    }
    normalizer->add_dummy_prefix_ = model.add_dummy_prefix;
    normalizer->squeeze_ = model.remove_extra_whitespaces;
    normalizer->space_ = model.escape_whitespaces ? kMark : " ";
    return std::unique_ptr<const Normalizer>(std::move(normalizer));
  }

  Result<void> apply(AlignedText& text) const override {
    std::vector<Change> changes;
    size_t removed_at_start = 0;
    bool after_space = squeeze_;
    std::string_view rest = text.text();
    while (!rest.empty()) {
      auto [bytes, to] = next(rest);
      const auto count = static_cast<int>(utf8::length(rest.substr(0, bytes)));
      rest.remove_prefix(bytes);
      while (after_space && to.starts_with(' ')) to.remove_prefix(1);
      const bool ends_in_space = to.ends_with(' ');
      put(to, count, changes, removed_at_start);
      if (!to.empty()) after_space = ends_in_space && squeeze_;
    }
    if (squeeze_) drop_spaces_at_end(changes);
    text.transform(changes, removed_at_start);
    if (add_dummy_prefix_) text.prepend(space_);
    return {};
  }

 private:
  struct Step {
    size_t bytes;
    std::string_view to;
  };

  // What the text begins with, and what that becomes.
  Step next(std::string_view text) const {
    size_t longest = 0;
    user_defined_.each_prefix(text, [&](size_t length, uint32_t) { longest = length; });
    if (longest > 0) return {longest, text.substr(0, longest)};
    if (const auto hit = charsmap_.find_longest(text)) return {hit->bytes, hit->to};
    const size_t bytes = utf8::decode(text).bytes;
    return {bytes, text.substr(0, bytes)};
  }

  // `count` characters of the old text become `to`.
  void put(std::string_view to, int count, std::vector<Change>& changes, size_t& removed_at_start) const {
    if (to.empty()) {
      if (changes.empty()) {
        removed_at_start += static_cast<size_t>(count);
      } else {
        changes.back().change -= count;
      }
      return;
    }
    bool first = true;
    each_code_point(to, [&](char32_t c) {
      const char32_t mark = c == U' ' ? utf8::decode(space_).code_point : c;
      changes.push_back({mark, first ? 1 - count : 1});
      first = false;
    });
  }

  void drop_spaces_at_end(std::vector<Change>& changes) const {
    const char32_t space = utf8::decode(space_).code_point;
    while (!changes.empty() && changes.back().code_point == space) changes.pop_back();
  }

  Precompiled charsmap_;
  ByteTrie user_defined_;
  bool add_dummy_prefix_ = true;
  bool squeeze_ = true;
  std::string_view space_ = kMark;
};

// Symbols that the user defined are whole wherever they stand.
class SpmSymbols final : public PreTokenizer {
 public:
  explicit SpmSymbols(const SpmModel& model) {
    for (TokenId id = 0; id < model.pieces.size(); ++id) {
      if (model.pieces[id].type == PieceType::user_defined) symbols_.add(model.pieces[id].text, id);
    }
  }

  Result<void> apply(PreTokenized& text) const override {
    text.split_to_pieces([&](const Piece& piece, std::vector<Piece>& out) {
      const std::string_view all = text.text_of(piece);
      uint32_t gap = 0;
      const auto close = [&](uint32_t end) {
        if (gap != end) out.push_back({gap, end, 0, Piece::kNoToken});
      };
      for (uint32_t at = 0; at < all.size();) {
        uint32_t bytes = 0;
        uint32_t id = 0;
        symbols_.each_prefix(all.substr(at), [&](size_t length, uint32_t value) {
          bytes = static_cast<uint32_t>(length);
          id = value;
        });
        if (bytes == 0) {
          ++at;
          continue;
        }
        close(at);
        out.push_back({at, at + bytes, 0, static_cast<int32_t>(id)});
        gap = at += bytes;
      }
      close(static_cast<uint32_t>(all.size()));
    });
    return {};
  }

 private:
  ByteTrie symbols_;
};

bool is_in_text(const SpmPiece& piece) {
  return piece.type == PieceType::normal || piece.type == PieceType::user_defined;
}

std::optional<TokenId> unknown_id(const SpmModel& model) {
  const auto it = std::find_if(model.pieces.begin(), model.pieces.end(),
                               [](const auto& p) { return p.type == PieceType::unknown; });
  return it != model.pieces.end() ? std::optional<TokenId>(it - model.pieces.begin()) : std::nullopt;
}

// Any two neighbours whose concatenation is a piece merge, the highest score first: as merges, every way to cut a piece
// in two. Pieces of one score share a rank, so that the leftmost goes first.
Result<std::unique_ptr<const Model>> make_bpe(const SpmModel& model) {
  BpeOptions options;
  options.byte_fallback = model.byte_fallback;
  options.fuse_unk = true;
  if (const auto id = unknown_id(model)) options.unk_token = model.pieces[*id].text;
  BpeBuilder builder(std::move(options));
  Vocabulary known;
  std::multimap<float, TokenId, std::greater<>> by_score;
  for (TokenId id = 0; id < model.pieces.size(); ++id) {
    const SpmPiece& piece = model.pieces[id];
    MLXS_CHECKED(builder.add_token(piece.text, id));
    if (!is_in_text(piece)) continue;
    MLXS_CHECKED(known.add(piece.text, id));
    if (piece.type == PieceType::normal) by_score.emplace(piece.score, id);
  }
  uint32_t rank = 0;
  float last_score = by_score.empty() ? 0 : by_score.begin()->first;
  for (const auto& [score, id] : by_score) {
    if (score != last_score) ++rank;
    last_score = score;
    const std::string_view piece = model.pieces[id].text;
    for (size_t cut = utf8::decode(piece).bytes; cut < piece.size(); cut += utf8::decode(piece.substr(cut)).bytes) {
      const bool both = known.find(piece.substr(0, cut)) && known.find(piece.substr(cut));
      if (both) MLXS_CHECKED(builder.add_merge(piece.substr(0, cut), piece.substr(cut), rank));
    }
  }
  return builder.build();
}

Result<std::unique_ptr<const Model>> make_unigram(const SpmModel& model) {
  constexpr float kUnknownPenalty = 10;
  float lowest = std::numeric_limits<float>::max();
  float highest = std::numeric_limits<float>::lowest();
  for (const SpmPiece& piece : model.pieces) {
    if (piece.type != PieceType::normal) continue;
    lowest = std::min(lowest, piece.score);
    highest = std::max(highest, piece.score);
  }
  UnigramOptions options;
  options.unk_id = unknown_id(model);
  options.byte_fallback = model.byte_fallback;
  options.single_precision = true;
  options.unk_score = lowest - kUnknownPenalty;
  std::vector<std::pair<std::string, double>> pieces;
  for (const SpmPiece& piece : model.pieces) {
    pieces.emplace_back(piece.text, piece.score);
    options.not_in_text.push_back(piece.type != PieceType::normal);
  }
  return make_unigram(pieces, options);
}

Result<void> refuse_unsupported(const SpmModel& model) {
  if (model.model_type != kUnigram && model.model_type != kBpe) {
    return fail(ErrorCode::unsupported_model, "model_type", "model_type must be unigram (1) or bpe (2), found {}",
                model.model_type);
  }
  if (model.treat_whitespace_as_suffix) {
    return fail(ErrorCode::unsupported_model, "treat_whitespace_as_suffix",
                "treat_whitespace_as_suffix is not supported");
  }
  const bool any_unused =
      std::any_of(model.pieces.begin(), model.pieces.end(), [](const auto& p) { return p.type == PieceType::unused; });
  if (any_unused) return fail(ErrorCode::unsupported_model, "pieces", "unused pieces are not supported");
  return {};
}

// As the usual conversion to tokenizer.json writes it, but that a model which drops extra spaces begins a text with
// none.
Json decoder_json(const SpmModel& model) {
  const uint32_t strips = model.remove_extra_whitespaces ? UINT32_MAX : model.add_dummy_prefix ? 1 : 0;
  Json steps = Json::array();
  steps.push_back({{"type", "Replace"}, {"pattern", {{"String", kMark}}}, {"content", " "}});
  steps.push_back({{"type", "ByteFallback"}});
  steps.push_back({{"type", "Fuse"}});
  if (strips > 0) steps.push_back({{"type", "Strip"}, {"content", " "}, {"start", strips}, {"stop", 0U}});
  return {{"type", "Sequence"}, {"decoders", steps}};
}

Json post_processor_json(const SpmModel& model) {
  const bool has_bos = model.bos_id >= 0 && static_cast<size_t>(model.bos_id) < model.pieces.size() &&
                       model.pieces[static_cast<size_t>(model.bos_id)].type == PieceType::control;
  if (!has_bos) return nullptr;
  Json single = Json::array();
  single.push_back({{"SpecialToken", {{"id", "bos"}, {"type_id", 0}}}});
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  Json bos;
  bos["ids"] = Json::array({static_cast<uint64_t>(model.bos_id)});
  return {{"type", "TemplateProcessing"}, {"single", single}, {"special_tokens", {{"bos", bos}}}};
}

Result<TokenizerParts> assemble(std::string_view bytes) {
  MLXS_TRY(const SpmModel model, parse(bytes));
  MLXS_CHECKED(refuse_unsupported(model));
  TokenizerParts parts;
  parts.tokens_are_text = true;
  MLXS_TRY(parts.normalizer, SpmNormalizer::make(model));
  parts.pre_tokenizer = std::make_unique<SpmSymbols>(model);
  MLXS_TRY(parts.model, model.model_type == kBpe ? make_bpe(model) : make_unigram(model));
  std::vector<AddedToken> added;
  for (const SpmPiece& piece : model.pieces) {
    if (piece.type != PieceType::control && piece.type != PieceType::unknown) continue;
    AddedToken token;
    token.content = piece.text;
    token.special = true;
    added.push_back(std::move(token));
  }
  MLXS_CHECKED(parts.added.add(std::move(added), *parts.model, nullptr));
  MLXS_TRY(parts.post_processor, PostProcessor::parse(post_processor_json(model)));
  MLXS_TRY(parts.decoder, Decoder::parse(decoder_json(model)));
  return parts;
}

}  // namespace

Result<TokenizerParts> parse_sentencepiece_file(std::string_view bytes, const std::string& name) {
  auto parts = assemble(bytes);
  if (parts) return parts;
  return Error{parts.error().code, fmt::format("{}: {}", name, parts.error().message), name};
}

}  // namespace mlxserving::text
