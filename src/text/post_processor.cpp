#include "text/post_processor.h"

#include <algorithm>

#include "core/utf8.h"
#include "text/byte_alphabet.h"
#include "text/unicode.h"

namespace mlxserving::text {
namespace {

constexpr size_t kTemplateIdsMax = 1024;

Result<std::vector<TokenId>> parse_ids(const Fields& special_token) {
  const Json& json = special_token.json;
  if (!json.is_object() || !json.contains("ids") || !json["ids"].is_array() || json["ids"].size() > kTemplateIdsMax) {
    return special_token.wrong("ids", fmt::format("an array of at most {} ids", kTemplateIdsMax));
  }
  std::vector<TokenId> ids;
  for (const Json& id : json["ids"]) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() >= UINT32_MAX)
      return special_token.wrong("ids", "an array of ids");
    ids.push_back(id.get<TokenId>());
  }
  return ids;
}

// The id of ["[SEP]", 102].
Result<TokenId> parse_named_id(const Fields& fields, const char* key) {
  const bool ok = fields.has(key) && fields.json[key].is_array() && fields.json[key].size() == 2 &&
                  fields.json[key][1].is_number_unsigned() && fields.json[key][1].get<uint64_t>() < UINT32_MAX;
  if (!ok) return fields.wrong(key, "a token and its id");
  return fields.json[key][1].get<TokenId>();
}

struct Spaces {
  uint32_t leading = 0;
  uint32_t trailing = 0;
};

Spaces count_spaces(std::string_view token) {
  const char32_t space = char_of_byte(' ');
  Spaces spaces;
  bool only_spaces = true;
  each_code_point(token, [&](char32_t c) {
    const bool is_space = c == space || unicode::is_space(c);
    only_spaces = only_spaces && is_space;
    if (only_spaces) ++spaces.leading;
    spaces.trailing = is_space ? spaces.trailing + 1 : 0;
  });
  return spaces;
}

// Tokens of one text, or those put beside it. Offsets and texts of a text are filled only where they are wanted.
struct Part {
  std::vector<TokenId> ids;
  std::vector<std::pair<uint32_t, uint32_t>> offsets;
  std::vector<std::string> texts;
};

template <typename T>
void append(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

Part added(const std::vector<TokenId>& ids) {
  return {ids, std::vector<std::pair<uint32_t, uint32_t>>(ids.size()), std::vector<std::string>(ids.size())};
}

Part framed(const std::vector<TokenId>& before, const Part& text, const std::vector<TokenId>& after) {
  Part whole = added(before);
  for (const Part& part : {text, added(after)}) {
    append(whole.ids, part.ids);
    append(whole.offsets, part.offsets);
    append(whole.texts, part.texts);
  }
  return whole;
}

void trim_offsets(Part& part, bool add_prefix_space) {
  for (size_t i = 0; i < part.offsets.size(); ++i) {
    auto& [begin, end] = part.offsets[i];
    Spaces spaces = count_spaces(part.texts[i]);
    const bool is_first = i == 0 || begin == 0;
    if (is_first && add_prefix_space && spaces.leading == 1) spaces.leading = 0;
    if (spaces.leading > 0) begin = std::min(begin + spaces.leading, end);
    if (spaces.trailing > 0 && end >= spaces.trailing) end = std::max(end - spaces.trailing, begin);
  }
}

std::vector<Part> fill(const std::vector<PostProcessor::Piece>& pieces, const std::vector<Part>& parts,
                       bool add_special_tokens) {
  std::vector<Part> filled;
  for (const PostProcessor::Piece& piece : pieces) {
    if (piece.text != PostProcessor::Piece::kNoText) {
      filled.push_back(parts[piece.text]);
    } else if (add_special_tokens) {
      filled.push_back(added(piece.ids));
    }
  }
  return filled;
}

}  // namespace

Result<PostProcessor::Piece> PostProcessor::parse_piece(const Fields& item, const Fields& fields, size_t texts) {
  Piece piece;
  if (item.has("Sequence")) {
    const Fields sequence{item.json["Sequence"], item.path + ".Sequence"};
    MLXS_TRY(const std::string id, sequence.string("id"));
    constexpr std::string_view kNames[] = {"A", "B"};
    piece.text = std::find(kNames, kNames + texts, id) - kNames;
    if (piece.text == texts) return sequence.wrong("id", texts < 2 ? "A: a single text has no other" : "A or B");
    return piece;
  }
  if (!item.has("SpecialToken")) return item.wrong("SpecialToken", "given, or Sequence");
  const Fields token{item.json["SpecialToken"], item.path + ".SpecialToken"};
  MLXS_TRY(const std::string name, token.string("id"));
  const bool known = fields.has("special_tokens") && fields.json["special_tokens"].is_object() &&
                     fields.json["special_tokens"].contains(name);
  if (!known) return token.wrong("id", "a key of special_tokens");
  MLXS_TRY(piece.ids, parse_ids({fields.json["special_tokens"][name], fields.path + ".special_tokens." + name}));
  return piece;
}

Result<PostProcessor::Step> PostProcessor::parse_template(const Fields& fields) {
  Step step;
  for (const char* key : {"single", "pair"}) {
    if (!fields.has(key) && key == std::string_view("pair")) continue;
    const bool single = key == std::string_view("single");
    MLXS_TRY(const auto list, fields.list(key));
    auto& pieces = (single ? step.single : step.pair).emplace();
    for (const Fields& item : list) {
      MLXS_TRY(Piece piece, parse_piece(item, fields, single ? 1 : 2));
      pieces.push_back(std::move(piece));
    }
  }
  return step;
}

// Of the BERT family: around the first text, and around each that follows.
Result<PostProcessor::Step> PostProcessor::parse_frame(const Fields& fields, bool is_roberta) {
  MLXS_TRY(const TokenId cls, parse_named_id(fields, "cls"));
  MLXS_TRY(const TokenId sep, parse_named_id(fields, "sep"));
  Step step;
  step.frame = Frame{{cls}, is_roberta ? std::vector{sep} : std::vector<TokenId>{}, {sep}};
  if (is_roberta) {
    MLXS_TRY(step.trims, fields.boolean("trim_offsets"));
    MLXS_TRY(step.add_prefix_space, fields.boolean("add_prefix_space"));
  }
  return step;
}

Result<PostProcessor::Step> PostProcessor::parse_step(const Fields& fields, const std::string& type) {
  if (type == "TemplateProcessing") return parse_template(fields);
  if (type == "BertProcessing") return parse_frame(fields, false);
  if (type == "RobertaProcessing") return parse_frame(fields, true);
  if (type != "ByteLevel") {
    return fail(ErrorCode::unsupported_model, fields.path + ".type", "{}.type: unknown post-processor '{}'",
                fields.path, type);
  }
  Step step;
  MLXS_TRY(step.trims, fields.boolean("trim_offsets"));
  MLXS_TRY(step.add_prefix_space, fields.boolean("add_prefix_space"));
  return step;
}

Result<void> PostProcessor::parse_steps(const Fields& fields, std::vector<Step>& steps) {
  MLXS_TRY(const std::string type, fields.type());
  if (type == "Sequence") {
    MLXS_TRY(const auto list, fields.list("processors"));
    for (const Fields& item : list) MLXS_CHECKED(parse_steps(item, steps));
    return {};
  }
  MLXS_TRY(Step step, parse_step(fields, type));
  steps.push_back(std::move(step));
  return {};
}

Result<PostProcessor> PostProcessor::parse(const Json& json) {
  PostProcessor processor;
  if (!json.is_null()) MLXS_CHECKED(parse_steps({json, "post_processor"}, processor.steps_));
  return processor;
}

void PostProcessor::apply(Encoding& encoding, bool add_special_tokens,
                          const std::function<std::string(size_t)>& text_of) const {
  if (steps_.empty()) return;
  const bool has_offsets = !encoding.offsets.empty();
  const bool trims = has_offsets && std::any_of(steps_.begin(), steps_.end(), [](const Step& s) { return s.trims; });
  std::vector<Part> parts(1);
  parts[0].ids = std::move(encoding.ids);
  parts[0].offsets = std::move(encoding.offsets);
  for (size_t i = 0; trims && i < parts[0].ids.size(); ++i) parts[0].texts.push_back(text_of(i));
  for (const Step& step : steps_) {
    for (Part& part : parts) {
      if (step.trims && trims) trim_offsets(part, step.add_prefix_space);
    }
    // A template knows one text or two; what more an earlier one made stays as it is.
    const auto* pieces = parts.size() == 1 ? &step.single : parts.size() == 2 ? &step.pair : nullptr;
    if (pieces != nullptr && *pieces) parts = fill(**pieces, parts, add_special_tokens);
    for (size_t i = 0; step.frame && add_special_tokens && i < parts.size(); ++i) {
      parts[i] = framed(i == 0 ? step.frame->before_first : step.frame->before_other, parts[i], step.frame->after);
    }
  }
  encoding = {};
  for (const Part& part : parts) {
    append(encoding.ids, part.ids);
    if (has_offsets) append(encoding.offsets, part.offsets);
  }
}

}  // namespace mlxserving::text
