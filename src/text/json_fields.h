// Fields of a component of tokenizer.json, with errors that name them.
#pragma once

#include <string>

#include "core/json.h"
#include "core/result.h"

namespace mlxserving::text {

// A JSON object under a name ("normalizer", "pre_tokenizer.pretokenizers[1]") that errors show.
struct Fields {
  const Json& json;
  std::string path;

  // The "type" of the component.
  Result<std::string> type() const { return string("type"); }

  Result<std::string> string(const char* key) const;
  Result<std::string> string_or(const char* key, std::string fallback) const;
  Result<bool> boolean(const char* key) const;
  Result<bool> boolean_or(const char* key, bool fallback) const;
  Result<size_t> count(const char* key) const;
  Result<size_t> count_or(const char* key, size_t fallback) const;
  // A string of exactly one code point.
  Result<char32_t> character(const char* key) const;

  // The objects of an array.
  Result<std::vector<Fields>> list(const char* key) const;

  bool has(const char* key) const { return json.is_object() && json.contains(key) && !json[key].is_null(); }
  Error wrong(const char* key, std::string_view expected) const;
};

}  // namespace mlxserving::text
