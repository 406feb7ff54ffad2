// Typed reading of a valid message: Reader(message, parsed.value).get<int64_t>("max_tokens").
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>

#include "core/check.h"
#include "core/json.h"
#include "schema/schema.h"

namespace mlxserving::schema {

// Borrows both; `value` must be what parse() gave for `message`. Asking for a name that the message has no row for, or
// as another type than the row's, is the asker's bug and throws BrokenInvariant.
class Reader {
 public:
  Reader(const Message& message, const Json& value) : message_(message), value_(value) {}

  bool has(const char* name) const { return found(name) != nullptr; }

  // The member, or the row's default when it is absent; nothing when there is neither or it is null.
  template <typename T>
  std::optional<T> maybe(const char* name) const {
    const Json* member = found(name);
    if (member != nullptr) return convert<T>(*member);
    const Field* field = find_field(message_, name);
    if (field->default_json == nullptr) return std::nullopt;
    const Json fallback = Json::parse(field->default_json);
    if (fallback.is_null()) return std::nullopt;
    return convert<T>(fallback);
  }

  template <typename T>
  T get(const char* name) const {
    const std::optional<T> value = maybe<T>(name);
    check(value.has_value(), "a field is read that is neither required nor has a default");
    return *value;
  }

  const Json& json(const char* name) const {
    const Json* member = found(name);
    check(member != nullptr, "a field is read that is absent");
    return *member;
  }

  // Of a member that is an object.
  Reader inside(const char* name) const {
    const Field* field = find_field(message_, name);
    check(field != nullptr && field->type.message != nullptr, "a field is entered that is no object");
    return {*field->type.message, json(name)};
  }

 private:
  const Json* found(const char* name) const {
    const Field* field = find_field(message_, name);
    check(field != nullptr, "a field is read that the message has no row for");
    const auto member = value_.find(field->name);
    return member == value_.end() || member->is_null() ? nullptr : &*member;
  }

  template <typename T>
  static T convert(const Json& value) {
    try {
      if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
        if (value.is_number_float()) return static_cast<T>(std::llround(value.get<double>()));  // 3.0 is an integer
      }
      return value.get<T>();
    } catch (const Json::exception&) {
      throw BrokenInvariant("a field is read as another type than its row's");
    }
  }

  const Message& message_;
  const Json& value_;
};

}  // namespace mlxserving::schema
