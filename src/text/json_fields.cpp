#include "text/json_fields.h"

#include "core/utf8.h"

namespace mlxserving::text {

Error Fields::wrong(const char* key, std::string_view expected) const {
  const std::string where = path + "." + key;
  if (!has(key)) return fail(ErrorCode::invalid_model, where, "{} must be {}, found nothing", where, expected);
  return fail(ErrorCode::invalid_model, where, "{} must be {}, found {}", where, expected,
              to_text(json[key]).substr(0, 80));
}

Result<std::string> Fields::string(const char* key) const {
  if (!has(key) || !json[key].is_string()) return wrong(key, "a string");
  return json[key].get<std::string>();
}

Result<std::string> Fields::string_or(const char* key, std::string fallback) const {
  return has(key) ? string(key) : Result<std::string>(std::move(fallback));
}

Result<bool> Fields::boolean(const char* key) const {
  if (!has(key) || !json[key].is_boolean()) return wrong(key, "true or false");
  return json[key].get<bool>();
}

Result<bool> Fields::boolean_or(const char* key, bool fallback) const { return has(key) ? boolean(key) : fallback; }

Result<size_t> Fields::count(const char* key) const {
  if (!has(key) || !json[key].is_number_unsigned() || json[key].get<uint64_t>() > UINT32_MAX) {
    return wrong(key, "a whole number in [0, 2^32)");
  }
  return json[key].get<size_t>();
}

Result<size_t> Fields::count_or(const char* key, size_t fallback) const { return has(key) ? count(key) : fallback; }

Result<char32_t> Fields::character(const char* key) const {
  MLXS_TRY(const std::string text, string(key));
  if (utf8::length(text) != 1 || !utf8::is_valid(text)) return wrong(key, "a string of one character");
  return utf8::decode(text).code_point;
}

Result<std::vector<Fields>> Fields::list(const char* key) const {
  if (!has(key) || !json[key].is_array()) return wrong(key, "an array");
  std::vector<Fields> all;
  for (const Json& item : json[key]) {
    all.push_back({item, path + "." + key + "[" + std::to_string(all.size()) + "]"});
  }
  return all;
}

}  // namespace mlxserving::text
