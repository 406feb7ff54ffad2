#include "format/json_fields.h"

#include <fmt/format.h>

#include <cmath>

#include "core/utf8.h"

namespace mlxserving::format {

std::string shown(const Json& value) {
  constexpr size_t kShownMax = 60;
  std::string text = to_text(value);
  if (text.size() > kShownMax) text = utf8::to_valid(text.substr(0, kShownMax)) + "…";
  return text;
}

const Json* JsonFields::find(const char* key) const {
  const auto it = object_.find(key);
  return it == object_.end() || it->is_null() ? nullptr : &*it;
}

namespace {

// Also of 4096.0 and 1e6: some tools write every number as a fraction.
std::optional<int64_t> whole_number(const Json& value) {
  constexpr double kExactMax = 9007199254740992.0;  // 2^53: below it no two integers share a double
  if (value.is_number_float()) {
    const auto number = value.get<double>();
    if (number != std::trunc(number) || std::abs(number) > kExactMax) return std::nullopt;
    return static_cast<int64_t>(number);
  }
  const bool fits = value.is_number_integer() && !(value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX);
  return fits ? std::optional(value.get<int64_t>()) : std::nullopt;
}

}  // namespace

std::optional<int64_t> JsonFields::as_integer(const char* key, const Json& value, IntegerRange range) const {
  const auto number = whole_number(value);
  if (!number || *number < range.min || *number > range.max) {
    fault(key, fmt::format("must be an integer in [{}, {}], got {}", range.min, range.max, shown(value)));
    return std::nullopt;
  }
  return number;
}

std::optional<double> JsonFields::as_number(const char* key, const Json& value, NumberRange range) const {
  if (!value.is_number() || !(value.get<double>() > range.min) || !(value.get<double>() <= range.max)) {
    fault(key, fmt::format("must be a number in ({}, {}], got {}", range.min, range.max, shown(value)));
    return std::nullopt;
  }
  return value.get<double>();
}

std::optional<int64_t> JsonFields::integer(const char* key, IntegerRange range) const {
  const Json* value = find(key);
  return value == nullptr ? std::nullopt : as_integer(key, *value, range);
}

int64_t JsonFields::integer(const char* key, IntegerRange range, std::optional<int64_t> fallback) const {
  if (!has(key) && !fallback) fault(key, "is missing");
  return integer(key, range).value_or(fallback.value_or(range.min));
}

std::optional<double> JsonFields::number(const char* key, NumberRange range) const {
  const Json* value = find(key);
  return value == nullptr ? std::nullopt : as_number(key, *value, range);
}

double JsonFields::number(const char* key, NumberRange range, std::optional<double> fallback) const {
  if (!has(key) && !fallback) fault(key, "is missing");
  return number(key, range).value_or(fallback.value_or(1.0));
}

bool JsonFields::boolean(const char* key, bool fallback) const {
  const Json* value = find(key);
  if (value == nullptr) return fallback;
  if (value->is_boolean()) return value->get<bool>();
  fault(key, "must be true or false, got " + shown(*value));
  return fallback;
}

std::string JsonFields::text(const char* key, std::string fallback) const {
  const Json* value = find(key);
  if (value == nullptr) return fallback;
  if (value->is_string()) return value->get<std::string>();
  fault(key, "must be a string, got " + shown(*value));
  return fallback;
}

const Json* JsonFields::list(const char* key, size_t count_max) const {
  const Json* value = find(key);
  if (value == nullptr) return nullptr;
  if (value->is_array() && value->size() <= count_max) return value;
  fault(key, fmt::format("must be a list of at most {}, got {}", count_max, shown(*value)));
  return nullptr;
}

std::vector<double> JsonFields::numbers(const char* key, size_t count_max) const {
  std::vector<double> out;
  const Json* values = list(key, count_max);
  if (values == nullptr) return out;
  for (const Json& value : *values) out.push_back(as_number(key, value, {}).value_or(1.0));
  return out;
}

std::vector<int64_t> JsonFields::integers(const char* key, IntegerRange range, size_t count_max) const {
  std::vector<int64_t> out;
  const Json* values = list(key, count_max);
  if (values == nullptr) return out;
  for (const Json& value : *values) out.push_back(as_integer(key, value, range).value_or(range.min));
  return out;
}

std::vector<std::string> JsonFields::texts(const char* key, size_t count_max) const {
  std::vector<std::string> out;
  const Json* values = list(key, count_max);
  if (values == nullptr) return out;
  for (const Json& value : *values) {
    if (!value.is_string()) fault(key, "must be a list of strings, found " + shown(value));
    out.push_back(value.is_string() ? value.get<std::string>() : std::string());
  }
  return out;
}

const Json* JsonFields::object(const char* key) const {
  const Json* value = find(key);
  if (value == nullptr || value->is_object()) return value;
  fault(key, "must be an object, got " + shown(*value));
  return nullptr;
}

}  // namespace mlxserving::format
