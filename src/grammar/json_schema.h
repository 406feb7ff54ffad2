// A JSON Schema as a graph: keywords read, references resolved, drafts told apart, nothing decided yet.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/json.h"
#include "grammar/regex_pool.h"
#include "mlxserving/error.h"

namespace mlxserving::grammar {

using SchemaId = uint32_t;

// The kinds of JSON value, as bits.
enum JsonKind : uint8_t {
  kNull = 1,
  kBoolean = 2,
  kNumber = 4,
  kString = 8,
  kArray = 16,
  kObject = 32,
  kAnyKind = 63,
};

// A keyword that holds schemas which judge the same value.
struct InPlace {
  // `conditional` is if/then/else; `when_present` applies its schema where the object has `key`.
  enum class Kind : uint8_t { all_of, any_of, one_of, negate, conditional, when_present };
  Kind kind;
  std::vector<SchemaId> schemas;
  std::string key;
};

struct Property {
  std::string name;
  SchemaId schema;
};
struct PatternProperty {
  RegexId key;  // the language of keys, as spelled in JSON without the quotes
  std::string pattern;
  SchemaId schema;
};

constexpr SchemaId kTrueSchema = 0;
constexpr SchemaId kFalseSchema = 1;

struct Schema {
  std::string pointer;  // where it stands in the document
  uint8_t kinds = kAnyKind;
  bool is_integer = false;  // numbers must be whole
  // Scalars
  RegexId string_content = kAnything;  // between the quotes, as spelled
  bool has_string_content = false;
  NumberSpec number;
  bool has_number = false;
  // Of the values listed by enum or const; the composite ones stand in `in_place` as schemas.
  bool has_enum = false;
  std::vector<Json> enum_scalars;
  // Arrays
  std::vector<SchemaId> prefix_items;
  SchemaId items = kTrueSchema;
  uint32_t min_items = 0, max_items = kUnbounded;
  bool unique_items = false;
  std::optional<SchemaId> contains;
  uint32_t min_contains = 1, max_contains = kUnbounded;
  // Objects
  std::vector<Property> properties;
  std::unordered_map<std::string, SchemaId> property_index;
  std::vector<PatternProperty> pattern_properties;
  SchemaId additional = kTrueSchema;
  std::optional<SchemaId> property_names;
  std::vector<std::string> required;
  std::vector<std::pair<std::string, std::vector<std::string>>> dependent_required;
  uint32_t min_properties = 0, max_properties = kUnbounded;

  std::vector<InPlace> in_place;
  bool properties_after_in_place = false;
};

struct SchemaLimits {
  size_t bytes_max = size_t{8} << 20;
  int depth_max = 100;
  size_t schemas_max = 200'000;
};

// What becomes of one keyword.
struct KeywordNote {
  std::string pointer;
  std::string effect;  // "enforced", or why not
};

// Reads only what the root reaches. Patterns go into `pool`.
class SchemaGraph {
 public:
  static Result<SchemaGraph> parse(std::string_view text, RegexPool& pool, const SchemaLimits& limits = {});

  SchemaId root() const { return root_; }
  std::span<const KeywordNote> notes() const { return notes_; }  // in the order they were read
  const Schema& operator[](SchemaId id) const { return schemas_[id]; }
  size_t size() const { return schemas_.size(); }

 private:
  friend class SchemaReader;
  std::vector<Schema> schemas_;
  std::vector<KeywordNote> notes_;
  SchemaId root_ = kTrueSchema;
};

}  // namespace mlxserving::grammar
