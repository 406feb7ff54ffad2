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

void trim_offsets(Encoding& encoding, bool add_prefix_space, const std::vector<std::string>& texts) {
  for (size_t i = 0; i < encoding.offsets.size(); ++i) {
    auto& [begin, end] = encoding.offsets[i];
    Spaces spaces = count_spaces(texts[i]);
    const bool is_first = i == 0 || begin == 0;
    if (is_first && add_prefix_space && spaces.leading == 1) spaces.leading = 0;
    if (spaces.leading > 0) begin = std::min(begin + spaces.leading, end);
    if (spaces.trailing > 0 && end >= spaces.trailing) end = std::max(end - spaces.trailing, begin);
  }
}

}  // namespace

Result<PostProcessor::Step> PostProcessor::parse_template(const Fields& fields) {
  Step step;
  step.has_template = true;
  MLXS_TRY(const auto list, fields.list("single"));
  for (const Fields& item : list) {
    if (item.has("Sequence")) {
      const Fields sequence{item.json["Sequence"], item.path + ".Sequence"};
      MLXS_TRY(const std::string id, sequence.string("id"));
      if (id != "A") return sequence.wrong("id", "A: a single text has no other");
      step.pieces.emplace_back();
      continue;
    }
    if (!item.has("SpecialToken")) return item.wrong("SpecialToken", "given, or Sequence");
    const Fields token{item.json["SpecialToken"], item.path + ".SpecialToken"};
    MLXS_TRY(const std::string name, token.string("id"));
    const bool known = fields.has("special_tokens") && fields.json["special_tokens"].is_object() &&
                       fields.json["special_tokens"].contains(name);
    if (!known) return token.wrong("id", "a key of special_tokens");
    MLXS_TRY(auto ids, parse_ids({fields.json["special_tokens"][name], fields.path + ".special_tokens." + name}));
    if (!ids.empty()) step.pieces.push_back(std::move(ids));
  }
  return step;
}

Result<PostProcessor::Step> PostProcessor::parse_pair(const Fields& fields, bool trims) {
  MLXS_TRY(const TokenId cls, parse_named_id(fields, "cls"));
  MLXS_TRY(const TokenId sep, parse_named_id(fields, "sep"));
  Step step;
  step.has_template = true;
  step.pieces = {{cls}, {}, {sep}};
  if (trims) {
    MLXS_TRY(step.trims, fields.boolean("trim_offsets"));
    MLXS_TRY(step.add_prefix_space, fields.boolean("add_prefix_space"));
  }
  return step;
}

Result<void> PostProcessor::parse_steps(const Fields& fields, std::vector<Step>& steps) {
  MLXS_TRY(const std::string type, fields.type());
  if (type == "Sequence") {
    MLXS_TRY(const auto list, fields.list("processors"));
    for (const Fields& item : list) MLXS_CHECKED(parse_steps(item, steps));
    return {};
  }
  Step step;
  if (type == "TemplateProcessing") {
    MLXS_TRY(step, parse_template(fields));
  } else if (type == "BertProcessing" || type == "RobertaProcessing") {
    MLXS_TRY(step, parse_pair(fields, type == "RobertaProcessing"));
  } else if (type == "ByteLevel") {
    MLXS_TRY(step.trims, fields.boolean("trim_offsets"));
    MLXS_TRY(step.add_prefix_space, fields.boolean("add_prefix_space"));
  } else {
    return fail(ErrorCode::unsupported_model, fields.path + ".type", "{}.type: unknown post-processor '{}'",
                fields.path, type);
  }
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
  const bool has_offsets = !encoding.offsets.empty();
  std::vector<std::string> texts;
  const bool any_trims = std::any_of(steps_.begin(), steps_.end(), [](const Step& s) { return s.trims; });
  for (size_t i = 0; has_offsets && any_trims && i < encoding.ids.size(); ++i) texts.push_back(text_of(i));
  for (const Step& step : steps_) {
    if (step.trims && !texts.empty()) trim_offsets(encoding, step.add_prefix_space, texts);
    if (!step.has_template) continue;
    Encoding whole;
    std::vector<std::string> whole_texts;
    for (const std::vector<TokenId>& piece : step.pieces) {
      if (piece.empty()) {
        whole.ids.insert(whole.ids.end(), encoding.ids.begin(), encoding.ids.end());
        whole.offsets.insert(whole.offsets.end(), encoding.offsets.begin(), encoding.offsets.end());
        whole_texts.insert(whole_texts.end(), texts.begin(), texts.end());
      } else if (add_special_tokens) {
        whole.ids.insert(whole.ids.end(), piece.begin(), piece.end());
        if (has_offsets) whole.offsets.resize(whole.ids.size());
        if (!texts.empty()) whole_texts.resize(whole.ids.size());
      }
    }
    encoding = std::move(whole);
    texts = std::move(whole_texts);
  }
}

}  // namespace mlxserving::text
