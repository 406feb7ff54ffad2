#include "text/special_tokens.h"

#include <algorithm>
#include <filesystem>

#include "core/json.h"
#include "core/result.h"

namespace mlxserving::text {
namespace {

// An object; empty when there is no such file.
Result<Json> read_if_there(const std::string& directory, const char* name) {
  const std::filesystem::path path = std::filesystem::path(directory) / name;
  std::error_code ec;
  if (!std::filesystem::exists(path, ec)) return Json(Json::object());
  MLXS_TRY(Json json, read_json_file(path.string()));
  if (!json.is_object())
    return fail(ErrorCode::invalid_model, path.string(), "{}: must be a JSON object", path.string());
  return json;
}

// "<s>", or {"content": "<s>", ...} as older files write an added token.
std::optional<std::string> string_of(const Json& json, const char* key) {
  if (!json.contains(key)) return std::nullopt;
  const Json& value = json[key];
  if (value.is_string()) return value.get<std::string>();
  if (value.is_object() && value.contains("content") && value["content"].is_string())
    return value["content"].get<std::string>();
  return std::nullopt;
}

void add_once(TokenId id, std::vector<TokenId>& ids) {
  if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
}

// An id, a list of ids, or null.
Result<void> read_ids(const Json& json, const char* key, const std::string& file, std::vector<TokenId>& ids) {
  if (!json.contains(key) || json[key].is_null()) return {};
  const Json one = json[key].is_array() ? json[key] : Json::array({json[key]});
  for (const Json& id : one) {
    // -1 stands for none in some files.
    if (id.is_number_integer() && !id.is_number_unsigned()) continue;
    if (!id.is_number_unsigned() || id.get<uint64_t>() > UINT32_MAX) {
      return fail(ErrorCode::invalid_model, file + ":" + key, "{}: {} must be a token id or a list of them, found {}",
                  file, key, to_text(json[key]).substr(0, 80));
    }
    add_once(id.get<TokenId>(), ids);
  }
  return {};
}

}  // namespace

bool SpecialTokens::is_eos(TokenId id) const { return std::find(eos_ids.begin(), eos_ids.end(), id) != eos_ids.end(); }

Result<SpecialTokens> load_special_tokens(const std::string& directory, const Tokenizer& tokenizer) {
  MLXS_TRY(const Json tokenizer_config, read_if_there(directory, "tokenizer_config.json"));
  MLXS_TRY(const Json map, read_if_there(directory, "special_tokens_map.json"));
  MLXS_TRY(const Json generation, read_if_there(directory, "generation_config.json"));
  MLXS_TRY(const Json config, read_if_there(directory, "config.json"));
  SpecialTokens tokens;
  const auto named = [&](const char* key) {
    auto text = string_of(tokenizer_config, key);
    return text ? text : string_of(map, key);
  };
  tokens.bos = named("bos_token");
  tokens.eos = named("eos_token");
  tokens.pad = named("pad_token");
  tokens.unk = named("unk_token");
  MLXS_CHECKED(read_ids(generation, "eos_token_id", "generation_config.json", tokens.eos_ids));
  MLXS_CHECKED(read_ids(config, "eos_token_id", "config.json", tokens.eos_ids));
  if (config.contains("text_config") && config["text_config"].is_object()) {
    MLXS_CHECKED(read_ids(config["text_config"], "eos_token_id", "config.json", tokens.eos_ids));
  }
  if (tokens.eos) {
    if (const auto id = tokenizer.token_to_id(*tokens.eos)) add_once(*id, tokens.eos_ids);
  }
  if (tokens.bos) tokens.bos_id = tokenizer.token_to_id(*tokens.bos);
  return tokens;
}

}  // namespace mlxserving::text
