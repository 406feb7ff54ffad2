// Typed fields of a JSON object of foreign origin. The first fault is kept and the rest reads as defaults, so that a
// parser is straight lines with one check at its end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "mlxserving/error.h"

namespace mlxserving::format {

// Where faults go. `file` stands at the front of every message.
class FieldFaults {
 public:
  explicit FieldFaults(std::string_view file) : file_(file) {}

  void add(ErrorCode code, std::string field, const std::string& text) {
    if (!first_) first_ = Error{code, file_ + ": " + field + " " + text, std::move(field)};
  }
  const std::optional<Error>& first() const { return first_; }

 private:
  std::string file_;
  std::optional<Error> first_;
};

struct IntegerRange {
  int64_t min = 0;
  int64_t max = INT64_MAX;
};
struct NumberRange {
  double min = 0;  // open: the value must be greater
  double max = 1e18;
};

// Borrows the object and the faults. A key whose value is null counts as absent, as it does for Python's readers.
class JsonFields {
 public:
  // `prefix` stands before field names in errors: "rope_scaling.".
  JsonFields(const Json& object, std::string prefix, FieldFaults& faults)
      : object_(object), prefix_(std::move(prefix)), faults_(faults) {}

  bool has(const char* key) const { return find(key) != nullptr; }
  const Json* find(const char* key) const;

  std::optional<int64_t> integer(const char* key, IntegerRange range) const;
  int64_t integer(const char* key, IntegerRange range, std::optional<int64_t> fallback) const;  // nullopt: required
  std::optional<double> number(const char* key, NumberRange range = {}) const;
  double number(const char* key, NumberRange range, std::optional<double> fallback) const;  // nullopt: required
  bool boolean(const char* key, bool fallback) const;
  std::string text(const char* key, std::string fallback) const;
  std::vector<double> numbers(const char* key, size_t count_max) const;  // absent: empty
  std::vector<int64_t> integers(const char* key, IntegerRange range, size_t count_max) const;
  std::vector<std::string> texts(const char* key, size_t count_max) const;
  const Json* object(const char* key) const;  // null when absent or not an object

  std::string name(const char* key) const { return prefix_ + key; }
  void fault(const char* key, const std::string& text, ErrorCode code = ErrorCode::invalid_model) const {
    faults_.add(code, name(key), text);
  }

 private:
  const Json* list(const char* key, size_t count_max) const;
  std::optional<int64_t> as_integer(const char* key, const Json& value, IntegerRange range) const;
  std::optional<double> as_number(const char* key, const Json& value, NumberRange range) const;

  const Json& object_;
  std::string prefix_;
  FieldFaults& faults_;
};

// A value as an error shows it: its text, cut when long.
std::string shown(const Json& value);

}  // namespace mlxserving::format
