#include "engine/text_model.h"

#include <set>

#include "core/json.h"
#include "core/result.h"

namespace mlxserving::engine {
namespace {

using Ids = std::set<int32_t>;

// A field that is one token id or a list of them.
void add_ids(const Json& object, const char* field, Ids& ids) {
  if (!object.contains(field)) return;
  const Json& value = object[field];
  const auto add = [&](const Json& id) {
    if (id.is_number_integer() && id >= 0 && id <= INT32_MAX) ids.insert(id.get<int32_t>());
  };
  if (value.is_array()) {
    for (const Json& id : value) add(id);
  } else {
    add(value);
  }
}

// A field that is a token's text, alone or as {"content": text}.
void add_token(const Json& object, const char* field, const text::Tokenizer& tokenizer, Ids& ids) {
  if (!object.contains(field)) return;
  const Json& value = object[field];
  const Json& content = value.is_object() && value.contains("content") ? value["content"] : value;
  if (!content.is_string()) return;
  if (const auto id = tokenizer.token_to_id(content.get<std::string>())) ids.insert(static_cast<int32_t>(*id));
}

// The object in a file that a directory may lack.
Result<Json> read_optional(const std::string& path) {
  auto json = read_json_file(path);
  if (!json && json.error().code != ErrorCode::not_found) return json.error();
  return json && json->is_object() ? *json : Json::object();
}

// All that any file of the directory calls the end: models are trained on one, chat files name another.
Result<std::vector<int32_t>> read_end_ids(const std::string& dir, const text::Tokenizer& tokenizer) {
  Ids ids;
  for (const char* file : {"/config.json", "/generation_config.json"}) {
    MLXS_TRY(const Json json, read_optional(dir + file));
    add_ids(json, "eos_token_id", ids);
    if (json.contains("text_config") && json["text_config"].is_object()) {
      add_ids(json["text_config"], "eos_token_id", ids);
    }
  }
  for (const char* file : {"/tokenizer_config.json", "/special_tokens_map.json"}) {
    MLXS_TRY(const Json json, read_optional(dir + file));
    add_token(json, "eos_token", tokenizer, ids);
  }
  return std::vector<int32_t>(ids.begin(), ids.end());
}

}  // namespace

Result<TextModel> load_text_model(const std::string& dir) {
  TextModel text;
  MLXS_TRY(text.tokenizer, text::Tokenizer::load(dir));
  auto chat_template = text::ChatTemplate::load(dir);
  if (!chat_template && chat_template.error().code != ErrorCode::not_found) return chat_template.error();
  if (chat_template) text.chat_template = std::move(*chat_template);
  MLXS_TRY(text.end_ids, read_end_ids(dir, *text.tokenizer));
  MLXS_TRY(const text::Encoding newline, text.tokenizer->encode("\n", {.add_special_tokens = false}));
  text.newline_ids.assign(newline.ids.begin(), newline.ids.end());
  return text;
}

}  // namespace mlxserving::engine
