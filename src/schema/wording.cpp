#include "schema/wording.h"

#include <fmt/format.h>

#include <cmath>

#include "schema/validate.h"

namespace mlxserving::schema {
namespace {

constexpr Texts kZodTexts = {
    .required = "Required",
    .wrong_type = "Expected {expected}, received {received}",
    .not_integer = "Expected integer, received float",
    .too_small = "Number must be greater than or equal to {min}",
    .too_big = "Number must be less than or equal to {max}",
    .too_short = "String must contain at least {min_size} character(s)",
    .too_long = "String must contain at most {max_size} character(s)",
    .not_matching = "Invalid",
    .no_choice = "Invalid input",
};

constexpr Texts kRuntimeTexts = {
    .required = "{field} is required",
    .wrong_type = "{field} must be {expected}, got {received}",
    .not_integer = "{field} must be an integer, got float",
    .too_small = "{field} must be at least {min}, got {value}",
    .too_big = "{field} too large ({value}, max {max})",
    .too_short = "{field} is required",
    .too_long = "{field} too long ({size} chars, max {max_size})",
    .not_matching = "{field} contains invalid characters",
    .no_choice = "{field} must be one of {{choices}}, got {value}",
};

const char* expected_in_zod(Kind kind) {
  switch (kind) {
    case Kind::boolean: return "boolean";
    case Kind::integer:
    case Kind::number: return "number";
    case Kind::string: return "string";
    case Kind::list: return "array";
    case Kind::map:
    case Kind::object:
    case Kind::either: return "object";
    case Kind::any:
    case Kind::choice: break;
  }
  return "value";
}

const char* expected_in_runtime(Kind kind) {
  switch (kind) {
    case Kind::boolean: return "a boolean";
    case Kind::integer: return "an integer";
    case Kind::number: return "numeric";
    case Kind::choice:
    case Kind::string: return "a string";
    case Kind::list: return "a list";
    case Kind::map:
    case Kind::object: return "an object";
    case Kind::any:
    case Kind::either: break;
  }
  return "a value";
}

const char* received_in_zod(const Json* value) {
  if (value == nullptr) return "undefined";
  if (value->is_null()) return "null";
  if (value->is_boolean()) return "boolean";
  if (value->is_number()) return "number";
  if (value->is_string()) return "string";
  return value->is_array() ? "array" : "object";
}

const char* received_in_runtime(const Json* value) {
  if (value == nullptr || value->is_null()) return "NoneType";
  if (value->is_boolean()) return "bool";
  if (value->is_number_float()) return "float";
  if (value->is_number()) return "int";
  if (value->is_string()) return "str";
  return value->is_array() ? "list" : "dict";
}

// A limit as the voice writes numbers: Python's floats keep their point.
std::string limit_text(double limit, Kind kind, Voice voice) {
  const bool whole = limit == std::floor(limit) && std::fabs(limit) < 1e16;
  if (!whole) return fmt::format("{}", limit);
  return fmt::format("{:.{}f}", limit, voice == Voice::runtime && kind == Kind::number ? 1 : 0);
}

std::string shown(const Json* value) {
  if (value == nullptr) return "nothing";
  std::string text = value->is_primitive() ? to_text(*value) : value->is_array() ? "a list" : "an object";
  if (text.size() <= kShownBytesMax) return text;
  size_t cut = kShownBytesMax;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
  return text.substr(0, cut) + "...";
}

std::string choices_text(const Type& type, Voice voice) {
  std::string out;
  for (const char* choice : type.choices) {
    if (!out.empty()) out += voice == Voice::zod ? " | " : ",";
    out += voice == Voice::zod ? fmt::format("'{}'", choice) : choice;
  }
  return out;
}

const char* default_text(TextOf which, const Fault& fault, Voice voice) {
  if (voice == Voice::runtime) return kRuntimeTexts.*which;
  const bool is_list = fault.type.kind == Kind::list;
  if (is_list && which == &Texts::too_short) return "Array must contain at least {min_size} element(s)";
  if (is_list && which == &Texts::too_long) return "Array must contain at most {max_size} element(s)";
  if (fault.range.above_min && which == &Texts::too_small) return "Number must be greater than {min}";
  if (fault.type.kind == Kind::choice && which == &Texts::no_choice) {
    if (fault.type.choices.size() == 1) return "Invalid literal value, expected {literal}";
    if (fault.value != nullptr && fault.value->is_string()) {
      return "Invalid enum value. Expected {choices}, received '{text}'";
    }
    return fault.value == nullptr ? "Required" : "Expected {choices}, received {received}";
  }
  return kZodTexts.*which;
}

std::string fill(std::string_view name, const Fault& fault, Voice voice) {
  const bool zod = voice == Voice::zod;
  if (name == "field") return std::string(fault.field);
  if (name == "value") return shown(fault.value);
  if (name == "text") return fault.value != nullptr ? fault.value->get<std::string>().substr(0, kShownBytesMax) : "";
  if (name == "expected") return zod ? expected_in_zod(fault.type.kind) : expected_in_runtime(fault.type.kind);
  if (name == "received") return zod ? received_in_zod(fault.value) : received_in_runtime(fault.value);
  if (name == "min") return limit_text(fault.range.min, fault.type.kind, voice);
  if (name == "max") return limit_text(fault.range.max, fault.type.kind, voice);
  if (name == "size") return fmt::format("{}", fault.size);
  if (name == "min_size") return fmt::format("{}", fault.type.size_min);
  if (name == "max_size") return fmt::format("{}", fault.type.size_max);
  if (name == "choices") return choices_text(fault.type, voice);
  if (name == "literal") return fmt::format("\"{}\"", fault.type.choices.front());
  return fmt::format("{{{}}}", name);
}

}  // namespace

std::string tell(TextOf which, const Fault& fault, Voice voice) {
  const char* own = fault.type.texts != nullptr ? fault.type.texts->*which : nullptr;
  const std::string_view text = own != nullptr ? own : default_text(which, fault, voice);
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t open = text.find('{', at);
    out += text.substr(at, open - at);
    if (open == std::string_view::npos) break;
    if (text.substr(open, 2) == "{{") {  // a brace of the text itself, around a placeholder: {{choices}}
      const size_t close = text.find("}}", open);
      out += '{' + fill(text.substr(open + 2, close - open - 2), fault, voice) + '}';
      at = close + 2;
      continue;
    }
    const size_t close = text.find('}', open);
    out += fill(text.substr(open + 1, close - open - 1), fault, voice);
    at = close + 1;
  }
  return out;
}

}  // namespace mlxserving::schema
