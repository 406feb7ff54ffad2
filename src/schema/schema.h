// The words in which every boundary's messages are declared: a message is a table, one row a field. Validation, typed
// reading, JSON Schema, TypeScript types and Zod schemas are all made from these rows (validate.h, read.h, export.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "mlxserving/request.h"

namespace mlxserving::schema {

struct Message;

enum class Kind { any, boolean, integer, number, string, choice, list, map, object, either };

// What is said when a check fails; null takes the wording's own text. Placeholders: {field} {value} {expected}
// {received} {min} {max} {size} {choices}.
struct Texts {
  const char* required = nullptr;
  const char* wrong_type = nullptr;
  const char* not_integer = nullptr;
  const char* too_small = nullptr;
  const char* too_big = nullptr;
  const char* too_short = nullptr;  // characters of a string, items of a list
  const char* too_long = nullptr;
  const char* not_matching = nullptr;  // the pattern of a string
  const char* no_choice = nullptr;     // also of `either`
};

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr size_t kAnySize = std::numeric_limits<size_t>::max();
constexpr double kSafeInteger = 9007199254740991.0;  // 2^53 - 1: the largest integer that JavaScript keeps exactly

struct Range {
  double min = -kInfinity;
  double max = kInfinity;
  bool above_min = false;         // `min` itself is not allowed
  const char* max_key = nullptr;  // the configuration key that may lower `max` (Options::bounds)
};

// The form of strings: `js` is the regular expression as JavaScript and JSON Schema write it, `accepts` the same as
// code.
struct Pattern {
  const char* js;
  bool (*accepts)(std::string_view text);
};

struct Type {
  Kind kind = Kind::any;
  Range range = {};     // of numbers
  size_t size_min = 0;  // characters of a string, items of a list or map
  size_t size_max = kAnySize;
  const Pattern* pattern = nullptr;
  std::span<const char* const> choices = {};  // one choice is a literal
  const Type* item = nullptr;                 // of a list or map
  const Message* message = nullptr;           // of an object
  std::span<const Type> options = {};         // of `either`
  bool nullable = false;
  const Texts* texts = nullptr;
  const char* name = nullptr;  // under which the client exports it on its own

  constexpr Type or_null() const {
    Type copy = *this;
    copy.nullable = true;
    return copy;
  }
  constexpr Type named(const char* n) const {
    Type copy = *this;
    copy.name = n;
    return copy;
  }
  constexpr Type sized(size_t min, size_t max = kAnySize) const {
    Type copy = *this;
    copy.size_min = min;
    copy.size_max = max;
    return copy;
  }
};

constexpr Type any() { return {}; }
constexpr Type boolean(const Texts* texts = nullptr) { return {.kind = Kind::boolean, .texts = texts}; }
constexpr Type integer(Range range, const Texts* texts = nullptr) {
  return {.kind = Kind::integer, .range = range, .texts = texts};
}
constexpr Type number(Range range = {}, const Texts* texts = nullptr) {
  return {.kind = Kind::number, .range = range, .texts = texts};
}
constexpr Type text(const Texts* texts = nullptr, const Pattern* pattern = nullptr) {
  return {.kind = Kind::string, .pattern = pattern, .texts = texts};
}
constexpr Type choice(std::span<const char* const> choices, const Texts* texts = nullptr) {
  return {.kind = Kind::choice, .choices = choices, .texts = texts};
}
constexpr Type list_of(const Type& item, const Texts* texts = nullptr) {
  return {.kind = Kind::list, .item = &item, .texts = texts};
}
constexpr Type map_of(const Type& item) { return {.kind = Kind::map, .item = &item}; }
constexpr Type object(const Message& message) { return {.kind = Kind::object, .message = &message}; }
constexpr Type either(std::span<const Type> options, const Texts* texts = nullptr) {
  return {.kind = Kind::either, .options = options, .texts = texts};
}

enum class Need {
  required,
  optional,   // may be absent; what then happens is for the reader to say
  defaulted,  // absent is the row's default
};

// Whether a setting does something here, or is read only so that existing files keep working.
enum class Effect { live, inert };

struct Field {
  const char* name;  // as on the wire
  Type type;
  Need need = Need::optional;
  const char* default_json = nullptr;  // as JSON text, or null
  const char* doc = "";
  const char* also = nullptr;  // a further spelling that is accepted
  Effect effect = Effect::live;
};

// What happens to members that no row names.
enum class Extra { strip, keep, forbid };

// Which texts a message's faults are told in: those of the Zod schemas that JavaScript users know, or those of the
// runtime's JSON-RPC replies.
enum class Voice { zod, runtime };

// A rule over two fields of one message.
struct Rule {
  enum class Kind { at_least, present } kind;
  const char* field;
  const char* other;  // of at_least: what `field` may not be less than
  const char* text;
};

struct Message {
  const char* name;  // PascalCase; the client exports it as type `name` and as schema `name`Schema
  const char* doc;
  std::span<const Field> fields;
  Extra extra = Extra::strip;
  Voice voice = Voice::zod;
  bool knobs = false;  // every sampling knob of mlxserving/request.h that no row names is a further field
  std::span<const Rule> rules = {};
};

// The rows of a message, then those of its further knobs, which are made from kKnobs once (snake_case, all optional).
std::span<const Field> fields_of(const Message& message);

// The row of this spelling, or null.
const Field* find_field(const Message& message, std::string_view name);

// The documentation of a knob, for rows whose name or range is another than the knob's own; naming none is an error
// when compiling.
consteval const char* knob_doc(std::string_view name) {
  for (const Knob& knob : kKnobs) {
    if (name == knob.name) return knob.doc;
  }
  throw "no such knob";
}

// Every message that crosses a boundary, those that others contain included; in the order of their declaration.
std::span<const Message* const> all_messages();
const Message* find_message(std::string_view name);

// A body of the HTTP interface, by its name; naming none is the caller's bug.
const Message& http_message(std::string_view name);

}  // namespace mlxserving::schema
