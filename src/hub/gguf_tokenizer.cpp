#include "hub/gguf_tokenizer.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/result.h"
#include "core/utf8.h"
#include "hub/gguf_pretokenizers.h"

namespace mlxserving::hub {
namespace {

using format::GgufArray;
using format::GgufFile;

constexpr std::string_view kBlank = "\u2581";  // how SentencePiece writes a space

// tokenizer.ggml.token_type.
enum class Kind : int { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

struct Token {
  std::string text;
  Kind kind = Kind::normal;
};

bool is_added(const Token& token) { return token.kind == Kind::control || token.kind == Kind::user_defined; }

// Converters fill embedding rows without a token so; no text can mean them.
bool is_padding(const Token& token) {
  return token.kind == Kind::unused && token.text.starts_with("[PAD") && token.text.ends_with("]");
}

Error invalid(const GgufFile& file, std::string key, std::string_view what) {
  std::string message = fmt::format("{}: {} {}", file.path, key, what);
  return {ErrorCode::invalid_model, std::move(message), std::move(key)};
}

Result<const GgufArray*> array_of_length(const GgufFile& file, const char* key, bool strings,
                                         std::optional<size_t> count) {
  const GgufArray* array = file.array(key);
  if (array == nullptr || (array->type == format::GgufValueType::string) != strings) {
    return invalid(file, key, strings ? "must be an array of strings" : "must be an array of numbers");
  }
  if (count && array->count != *count) {
    return invalid(file, key, fmt::format("must have {} elements, as many as tokens, found {}", *count, array->count));
  }
  return array;
}

Result<std::vector<Token>> read_tokens(const GgufFile& file, bool is_spm) {
  MLXS_TRY(const GgufArray* texts, array_of_length(file, "tokenizer.ggml.tokens", true, std::nullopt));
  const GgufArray* kinds = nullptr;
  if (file.find("tokenizer.ggml.token_type") != nullptr) {
    MLXS_TRY(kinds, array_of_length(file, "tokenizer.ggml.token_type", false, texts->count));
  }
  std::vector<Token> tokens;
  tokens.reserve(texts->count);
  for (size_t id = 0; id < texts->count; ++id) {
    const std::string_view text = texts->strings[id];
    if (text.empty() || !utf8::is_valid(text)) {
      return invalid(file, "tokenizer.ggml.tokens", fmt::format("has a token {} that is empty or not UTF-8", id));
    }
    const double kind = kinds == nullptr ? 1 : kinds->number(id);
    if (!(kind >= 1 && kind <= 6)) {
      return invalid(file, "tokenizer.ggml.token_type", fmt::format("must be 1 to 6, found {} for token {}", kind, id));
    }
    Token token{std::string(text), static_cast<Kind>(static_cast<int>(kind))};
    if (is_spm && token.kind == Kind::user_defined) {  // GGUF keeps these as text, SentencePiece as pieces
      for (size_t at = 0; (at = token.text.find(' ', at)) != std::string::npos;) token.text.replace(at, 1, kBlank);
    }
    tokens.push_back(std::move(token));
  }
  return tokens;
}

// The vocabulary of the model holds ids below this. Above stand only added tokens, which their own list carries: of
// byte-level BPE, since SentencePiece's merges may pass through user-defined pieces.
size_t vocabulary_size(const std::vector<Token>& tokens, bool is_spm) {
  size_t end = tokens.size();
  while (end > 0 && is_padding(tokens[end - 1])) --end;
  if (is_spm) return end;
  size_t size = end;
  while (size > 0 && is_added(tokens[size - 1])) --size;
  return size;
}

Result<Json> vocabulary(const GgufFile& file, const std::vector<Token>& tokens, bool is_spm) {
  Json vocab = Json::object();
  std::unordered_map<std::string_view, size_t> seen;
  for (size_t id = 0; id < tokens.size(); ++id) {
    const auto [first, is_new] = seen.emplace(tokens[id].text, id);
    if (!is_new) {
      return invalid(file, "tokenizer.ggml.tokens",
                     fmt::format("has '{}' twice, as {} and {}", tokens[id].text, first->second, id));
    }
  }
  const size_t size = vocabulary_size(tokens, is_spm);
  std::vector<std::pair<std::string, Json>> rows;  // an ordered_json object would search all keys at each insertion
  rows.reserve(size);
  for (size_t id = 0; id < size; ++id) rows.emplace_back(tokens[id].text, id);
  auto& object = vocab.get_ref<Json::object_t&>();
  object.reserve(size);
  for (auto& row : rows) object.Container::emplace_back(std::move(row.first), std::move(row.second));
  return vocab;
}

Json added_token(size_t id, const Token& token) {
  return {{"id", id},
          {"content", token.text},
          {"single_word", false},
          {"lstrip", false},
          {"rstrip", false},
          {"normalized", false},
          {"special", token.kind == Kind::control || token.kind == Kind::unknown}};
}

Json added_tokens(const std::vector<Token>& tokens) {
  Json added = Json::array();
  for (size_t id = 0; id < tokens.size(); ++id) {
    if (is_added(tokens[id]) || tokens[id].kind == Kind::unknown) added.push_back(added_token(id, tokens[id]));
  }
  return added;
}

// The text of the token that a key names.
Result<std::optional<std::string>> token_of(const GgufFile& file, const std::vector<Token>& tokens, const char* key) {
  const std::optional<int64_t> id = file.integer(key);
  if (!id) return std::optional<std::string>();
  if (*id < 0 || static_cast<size_t>(*id) >= tokens.size()) {
    return invalid(file, key, fmt::format("must be below {}, found {}", tokens.size(), *id));
  }
  return std::optional<std::string>(tokens[static_cast<size_t>(*id)].text);
}

Json special_token(const std::string& text, int64_t id) {
  return {{"id", text}, {"ids", Json::array({id})}, {"tokens", Json::array({text})}};
}

// Puts begin and end tokens around the text, where the model wants them.
Json template_processing(const std::optional<std::string>& bos, int64_t bos_id, const std::optional<std::string>& eos,
                         int64_t eos_id) {
  Json single = Json::array();
  Json pair = Json::array();
  Json special = Json::object();
  for (const int sequence : {0, 1}) {
    Json part = Json::array();
    if (bos) part.push_back({{"SpecialToken", {{"id", *bos}, {"type_id", sequence}}}});
    part.push_back({{"Sequence", {{"id", sequence == 0 ? "A" : "B"}, {"type_id", sequence}}}});
    if (eos) part.push_back({{"SpecialToken", {{"id", *eos}, {"type_id", sequence}}}});
    if (sequence == 0) single = part;
    for (Json& step : part) pair.push_back(std::move(step));
  }
  if (bos) special[*bos] = special_token(*bos, bos_id);
  if (eos) special[*eos] = special_token(*eos, eos_id);
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", special}};
}

Json byte_level(bool trim_offsets) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", trim_offsets}, {"use_regex", true}};
}

Json bpe_model(Json vocab, Json merges) {
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", nullptr},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", false},
          {"byte_fallback", false},
          {"ignore_merges", false},
          {"vocab", std::move(vocab)},
          {"merges", std::move(merges)}};
}

// "a b" at the first blank behind the first character: tokens of byte-level BPE have none themselves.
Result<Json> merges_of(const GgufFile& file) {
  MLXS_TRY(const GgufArray* merges, array_of_length(file, "tokenizer.ggml.merges", true, std::nullopt));
  Json pairs = Json::array();
  for (size_t i = 0; i < merges->count; ++i) {
    const std::string_view merge = merges->strings[i];
    const size_t blank = merge.find(' ', 1);
    if (blank == std::string_view::npos || blank + 1 == merge.size() || !utf8::is_valid(merge)) {
      return invalid(file, "tokenizer.ggml.merges",
                     fmt::format("must be pairs like 'a b', element {} is '{}'", i, utf8::to_valid(merge)));
    }
    pairs.push_back(Json::array({merge.substr(0, blank), merge.substr(blank + 1)}));
  }
  return pairs;
}

// SentencePiece BPE joins the two neighbours whose token has the best score. As merges: every way to cut a token into
// two tokens, ordered by the token's score, then by the lengths and ids of the parts as Hugging Face's converter orders
// them.
struct ScoredMerge {
  std::string_view left;
  std::string_view right;
  double score;
  size_t order;  // among equals
};

Result<Json> merges_from_scores(const GgufFile& file, const std::vector<Token>& tokens) {
  MLXS_TRY(const GgufArray* scores, array_of_length(file, "tokenizer.ggml.scores", false, tokens.size()));
  std::unordered_map<std::string_view, size_t> ids;
  for (size_t id = 0; id < tokens.size(); ++id) ids.emplace(tokens[id].text, id);
  std::vector<ScoredMerge> merges;
  for (size_t id = 0; id < tokens.size(); ++id) {
    if (tokens[id].kind != Kind::normal && tokens[id].kind != Kind::user_defined) continue;
    const std::string_view text = tokens[id].text;
    std::vector<std::pair<std::pair<size_t, size_t>, ScoredMerge>> cuts;
    for (size_t cut = 1; cut < text.size(); ++cut) {
      const auto left = ids.find(text.substr(0, cut));
      const auto right = ids.find(text.substr(cut));
      if (left == ids.end() || right == ids.end()) continue;
      cuts.push_back({{left->second, right->second}, {left->first, right->first, scores->number(id), 0}});
    }
    std::sort(cuts.begin(), cuts.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& cut : cuts) {
      merges.push_back(cut.second);
      merges.back().order = merges.size();
    }
  }
  std::sort(merges.begin(), merges.end(), [](const ScoredMerge& a, const ScoredMerge& b) {
    if (a.score != b.score) return a.score > b.score;
    const size_t a_left = utf8::length(a.left);
    const size_t b_left = utf8::length(b.left);
    if (a_left != b_left) return a_left > b_left;
    const size_t a_right = utf8::length(a.right);
    const size_t b_right = utf8::length(b.right);
    return a_right != b_right ? a_right > b_right : a.order < b.order;
  });
  Json pairs = Json::array();
  for (const ScoredMerge& merge : merges) pairs.push_back(Json::array({merge.left, merge.right}));
  return pairs;
}

Json sequence(const char* key, const char* type, Json steps) { return {{"type", type}, {key, std::move(steps)}}; }

// What distinguishes the two kinds of tokenizer: model, normalizer, pre-tokenizer, decoder, and whether text begins
// with the begin token when the file does not say.
struct Parts {
  Json model;
  Json normalizer;
  Json pre_tokenizer;
  Json decoder;
  bool add_bos = false;
  bool is_byte_level = false;
};

Result<Parts> byte_level_parts(const GgufFile& file, const std::vector<Token>& tokens) {
  MLXS_TRY(PreTokenizer pre, pre_tokenizer_of(file.string("tokenizer.ggml.pre").value_or("default"), file.path));
  MLXS_TRY(Json vocab, vocabulary(file, tokens, false));
  MLXS_TRY(Json merges, merges_of(file));
  Parts parts;
  parts.model = bpe_model(std::move(vocab), std::move(merges));
  parts.model["ignore_merges"] = pre.ignore_merges;
  parts.normalizer = std::move(pre.normalizer);
  parts.pre_tokenizer = std::move(pre.pre_tokenizer);
  parts.decoder = byte_level(true);
  parts.add_bos = pre.add_bos;
  parts.is_byte_level = true;
  return parts;
}

Result<Parts> sentencepiece_parts(const GgufFile& file, const std::vector<Token>& tokens) {
  MLXS_TRY(Json vocab, vocabulary(file, tokens, true));
  MLXS_TRY(Json merges, merges_from_scores(file, tokens));
  Parts parts;
  parts.model = bpe_model(std::move(vocab), std::move(merges));
  parts.model["fuse_unk"] = true;
  parts.model["byte_fallback"] =
      std::any_of(tokens.begin(), tokens.end(), [](const Token& t) { return t.kind == Kind::byte; });
  for (const Token& token : tokens) {
    if (token.kind == Kind::unknown) parts.model["unk_token"] = token.text;
  }
  const bool prefix = file.boolean("tokenizer.ggml.add_space_prefix").value_or(true);
  const Json replace = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", kBlank}};
  parts.normalizer = replace;
  if (prefix) {
    const Json prepend = {{"type", "Prepend"}, {"prepend", kBlank}};
    parts.normalizer = sequence("normalizers", "Sequence", Json::array({prepend, replace}));
  }
  Json steps = Json::array({{{"type", "Replace"}, {"pattern", {{"String", kBlank}}}, {"content", " "}},
                            {{"type", "ByteFallback"}},
                            {{"type", "Fuse"}}});
  if (prefix) steps.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  parts.decoder = sequence("decoders", "Sequence", std::move(steps));
  parts.add_bos = true;
  return parts;
}

// Post-processing: around byte-level BPE also the trimming of offsets.
Result<Json> post_processor(const GgufFile& file, const std::vector<Token>& tokens, const Parts& parts) {
  MLXS_TRY(const auto bos, token_of(file, tokens, "tokenizer.ggml.bos_token_id"));
  MLXS_TRY(const auto eos, token_of(file, tokens, "tokenizer.ggml.eos_token_id"));
  const bool add_bos = file.boolean("tokenizer.ggml.add_bos_token").value_or(parts.add_bos) && bos;
  const bool add_eos = file.boolean("tokenizer.ggml.add_eos_token").value_or(false) && eos;
  const Json trim = parts.is_byte_level ? byte_level(false) : Json();
  if (!add_bos && !add_eos) return trim;
  Json around =
      template_processing(add_bos ? bos : std::nullopt, file.integer("tokenizer.ggml.bos_token_id").value_or(0),
                          add_eos ? eos : std::nullopt, file.integer("tokenizer.ggml.eos_token_id").value_or(0));
  if (trim.is_null()) return around;
  return sequence("processors", "Sequence", Json::array({trim, around}));
}

Result<Json> tokenizer_config(const GgufFile& file, const std::vector<Token>& tokens, const Parts& parts) {
  Json config;
  config["tokenizer_class"] = "PreTrainedTokenizerFast";
  config["clean_up_tokenization_spaces"] = false;
  const std::pair<const char*, const char*> names[] = {{"bos_token", "tokenizer.ggml.bos_token_id"},
                                                       {"eos_token", "tokenizer.ggml.eos_token_id"},
                                                       {"unk_token", "tokenizer.ggml.unknown_token_id"},
                                                       {"pad_token", "tokenizer.ggml.padding_token_id"}};
  for (const auto& [name, key] : names) {
    MLXS_TRY(const auto token, token_of(file, tokens, key));
    if (token) config[name] = *token;
  }
  config["add_bos_token"] = file.boolean("tokenizer.ggml.add_bos_token").value_or(parts.add_bos);
  config["add_eos_token"] = file.boolean("tokenizer.ggml.add_eos_token").value_or(false);
  const std::string architecture(file.string("general.architecture").value_or(""));
  if (const auto length = file.integer(architecture + ".context_length")) config["model_max_length"] = *length;
  return config;
}

}  // namespace

Result<TokenizerFiles> tokenizer_from_gguf(const GgufFile& file) {
  const std::string_view model = file.string("tokenizer.ggml.model").value_or("none");
  if (model != "gpt2" && model != "llama") {
    return fail(ErrorCode::unsupported_model, "tokenizer.ggml.model",
                "{}: tokenizer.ggml.model must be gpt2 or llama, found {}", file.path, model);
  }
  const bool is_spm = model == "llama";
  MLXS_TRY(const std::vector<Token> tokens, read_tokens(file, is_spm));
  MLXS_TRY(Parts parts, is_spm ? sentencepiece_parts(file, tokens) : byte_level_parts(file, tokens));
  MLXS_TRY(Json post, post_processor(file, tokens, parts));
  TokenizerFiles files;
  MLXS_TRY(files.config, tokenizer_config(file, tokens, parts));
  files.chat_template = file.string("tokenizer.chat_template").value_or("");
  files.tokenizer = {{"version", "1.0"},
                     {"truncation", nullptr},
                     {"padding", nullptr},
                     {"added_tokens", added_tokens(tokens)},
                     {"normalizer", std::move(parts.normalizer)},
                     {"pre_tokenizer", std::move(parts.pre_tokenizer)},
                     {"post_processor", std::move(post)},
                     {"decoder", std::move(parts.decoder)},
                     {"model", std::move(parts.model)}};
  return files;
}

}  // namespace mlxserving::hub
