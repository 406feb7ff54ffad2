#include "text/model_file.h"

#include <algorithm>
#include <optional>

#include "core/result.h"
#include "text/bpe.h"
#include "text/reference_float.h"
#include "text/unigram.h"
#include "text/word_models.h"

namespace mlxserving::text {
namespace {

using simdjson::ondemand::json_type;
using simdjson::ondemand::object;
using simdjson::ondemand::value;

// Everything but the vocabulary and the merges.
struct Options {
  std::string type;
  std::optional<std::string> unk_token;
  std::string continuing_subword_prefix;
  bool has_prefix = false;
  std::string end_of_word_suffix;
  std::optional<uint64_t> unk_id;
  std::optional<uint64_t> max_input_chars_per_word;
  double dropout = 0;
  bool fuse_unk = false;
  bool byte_fallback = false;
  bool ignore_merges = false;
  bool has_vocab = false;
  bool has_merges = false;
  bool merges_first = false;  // before the vocabulary that they refer to
  size_t merges_bytes = 0;    // of their text, for a guess at their number
  size_t vocab_bytes = 0;
};

// Bytes of an array or object as text; steps over it.
size_t bytes_of(value v) {
  if (v.type() == json_type::array) {
    simdjson::ondemand::array array = v.get_array();
    return std::string_view(array.raw_json()).size();
  }
  object object = v.get_object();
  return std::string_view(object.raw_json()).size();
}

std::string text_of(value v) { return std::string(std::string_view(v.get_string())); }

void read_option(std::string_view key, value v, Options& o) {
  if (key == "vocab") {
    o.has_vocab = true;
    o.vocab_bytes = bytes_of(v);
  } else if (key == "merges") {
    o.has_merges = true;
    o.merges_first = !o.has_vocab;
    o.merges_bytes = bytes_of(v);
  } else if (v.is_null()) {
    return;
  } else if (key == "type") {
    o.type = text_of(v);
  } else if (key == "unk_token") {
    o.unk_token = text_of(v);
  } else if (key == "continuing_subword_prefix") {
    o.continuing_subword_prefix = text_of(v);
    o.has_prefix = true;
  } else if (key == "end_of_word_suffix") {
    o.end_of_word_suffix = text_of(v);
  } else if (key == "unk_id") {
    o.unk_id = uint64_t{v.get_uint64()};
  } else if (key == "max_input_chars_per_word") {
    o.max_input_chars_per_word = uint64_t{v.get_uint64()};
  } else if (key == "dropout") {
    o.dropout = double{v.get_double()};
  } else if (key == "fuse_unk") {
    o.fuse_unk = bool{v.get_bool()};
  } else if (key == "byte_fallback") {
    o.byte_fallback = bool{v.get_bool()};
  } else if (key == "ignore_merges") {
    o.ignore_merges = bool{v.get_bool()};
  }
}

Options read_options(object model) {
  Options options;
  for (auto field : model) {
    const std::string_view key = field.unescaped_key();
    read_option(key, field.value(), options);
  }
  model.reset();
  return options;
}

// Calls add(token, id) for each entry of {"token": id}.
template <typename Add>
Result<void> each_token(value vocab, const Add& add) {
  for (auto field : vocab.get_object()) {
    const std::string_view token = field.unescaped_key();
    const uint64_t id = field.value().get_uint64();
    if (id > UINT32_MAX) return fail(ErrorCode::invalid_model, "vocab", "vocab: ids must fit 32 bits, found {}", id);
    MLXS_CHECKED(add(token, static_cast<TokenId>(id)));
  }
  return {};
}

Result<void> read_merge(value merge, BpeBuilder& builder) {
  if (merge.type() == json_type::array) {
    std::string_view parts[2];
    size_t count = 0;
    for (auto part : merge.get_array()) {
      if (count == 2)
        return fail(ErrorCode::invalid_model, "merges", "merges: a merge must have two tokens, found more");
      parts[count++] = part.get_string();
    }
    if (count != 2)
      return fail(ErrorCode::invalid_model, "merges", "merges: a merge must have two tokens, found {}", count);
    return builder.add_merge(parts[0], parts[1]);
  }
  const std::string_view text = merge.get_string();
  if (text.starts_with("#version")) return {};
  const size_t space = text.find(' ');
  if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos) {
    return fail(ErrorCode::invalid_model, "merges",
                "merges: a merge must be two tokens with a space between, found '{}'", text);
  }
  return builder.add_merge(text.substr(0, space), text.substr(space + 1));
}

// A token takes some 16 bytes of text, a merge of short tokens some 8: guesses that only avoid growing.
constexpr size_t kVocabEntryBytes = 16;
constexpr size_t kMergeBytes = 12;

Result<ParsedModel> parse_bpe(object model, const Options& options, bool byte_level) {
  if (!options.has_vocab || !options.has_merges)
    return fail(ErrorCode::invalid_model, "model", "model must have vocab and merges");
  // Training only: as in the reference, any other value makes the result random.
  if (options.dropout != 0) {
    return fail(ErrorCode::unsupported_model, "model.dropout", "model.dropout must be 0 or absent, found {}",
                options.dropout);
  }
  BpeBuilder builder({.unk_token = options.unk_token,
                      .continuing_subword_prefix = options.continuing_subword_prefix,
                      .end_of_word_suffix = options.end_of_word_suffix,
                      .fuse_unk = options.fuse_unk,
                      .byte_fallback = options.byte_fallback,
                      .ignore_merges = options.ignore_merges,
                      .byte_level = byte_level});
  builder.reserve(options.vocab_bytes / kVocabEntryBytes, options.vocab_bytes / 2, options.merges_bytes / kMergeBytes);
  MLXS_CHECKED(each_token(model.find_field_unordered("vocab"),
                          [&](std::string_view t, TokenId id) { return builder.add_token(t, id); }));
  if (options.merges_first) model.reset();
  for (auto merge : model.find_field_unordered("merges").get_array()) MLXS_CHECKED(read_merge(merge.value(), builder));
  MLXS_TRY(auto built, builder.build());
  return ParsedModel{std::move(built), false, byte_level};
}

double score_of(value part) {
  const std::string_view token = part.raw_json_token();
  const double exact = part.get_double();  // throws where it is no number
  return reference_float(token, exact);
}

Result<ParsedModel> parse_unigram(object model, const Options& options) {
  if (!options.has_vocab) return fail(ErrorCode::invalid_model, "model.vocab", "model must have vocab");
  std::vector<std::pair<std::string, double>> pieces;
  for (auto entry : model.find_field_unordered("vocab").get_array()) {
    if (pieces.size() == kVocabularyMax)
      return fail(ErrorCode::resource_exhausted, "model.vocab", "vocab: at most {} entries", kVocabularyMax);
    std::pair<std::string, double> piece;
    size_t count = 0;
    for (auto part : entry.get_array()) {
      if (count == 0) piece.first = text_of(part.value());
      if (count == 1) piece.second = score_of(part.value());
      ++count;
    }
    if (count != 2)
      return fail(ErrorCode::invalid_model, "model.vocab",
                  "vocab: an entry must be a token and its score, found {} parts", count);
    pieces.push_back(std::move(piece));
  }
  UnigramOptions unigram;
  unigram.byte_fallback = options.byte_fallback;
  if (options.unk_id) unigram.unk_id = static_cast<TokenId>(std::min<uint64_t>(*options.unk_id, UINT32_MAX));
  MLXS_TRY(auto made, make_unigram(pieces, unigram));
  return ParsedModel{std::move(made), true};
}

Result<ParsedModel> parse_words(object model, const Options& options) {
  if (!options.has_vocab) return fail(ErrorCode::invalid_model, "model.vocab", "model must have vocab");
  if (!options.unk_token) return fail(ErrorCode::invalid_model, "model.unk_token", "model must have unk_token");
  Vocabulary vocabulary;
  vocabulary.reserve(options.vocab_bytes / kVocabEntryBytes, options.vocab_bytes / 2);
  MLXS_CHECKED(each_token(model.find_field_unordered("vocab"),
                          [&](std::string_view t, TokenId id) { return vocabulary.add(t, id); }));
  if (options.type == "WordLevel") return ParsedModel{make_word_level(std::move(vocabulary), *options.unk_token)};
  if (!options.has_prefix || !options.max_input_chars_per_word) {
    return fail(ErrorCode::invalid_model, "model",
                "WordPiece must have continuing_subword_prefix and max_input_chars_per_word");
  }
  return ParsedModel{make_word_piece(std::move(vocabulary), {*options.unk_token, options.continuing_subword_prefix,
                                                             static_cast<size_t>(*options.max_input_chars_per_word)})};
}

// Files older than the "type" field: told apart as the reference tells them.
std::string guess_type(const Options& options) {
  if (options.has_merges) return "BPE";
  if (options.has_prefix) return "WordPiece";
  return options.unk_token ? "WordLevel" : "Unigram";
}

}  // namespace

Result<ParsedModel> parse_model(object model, bool byte_level) {
  Options options = read_options(model);
  if (options.type.empty()) options.type = guess_type(options);
  if (options.type == "BPE") {
    const bool plain = options.continuing_subword_prefix.empty() && options.end_of_word_suffix.empty();
    return parse_bpe(model, options, byte_level && plain && !options.byte_fallback);
  }
  if (options.type == "Unigram") return parse_unigram(model, options);
  if (options.type == "WordPiece" || options.type == "WordLevel") return parse_words(model, options);
  return fail(ErrorCode::unsupported_model, "model.type", "model.type: unknown model '{}'", options.type);
}

}  // namespace mlxserving::text
