// The values of XML Schema's built-in types.
#include <array>

#include "grammar/formats.h"
#include "grammar/pattern.h"
#include "grammar/xml_grammar.h"

namespace mlxserving::grammar {
namespace {

struct Type {
  std::string_view name, pattern;
};

// Digits end, so that no number is written for ever.
constexpr std::array kTypes = {
    Type{"boolean", "true|false|1|0"},
    Type{"float", "-?(?:0|[1-9][0-9]{0,29})(?:\\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?"},
    Type{"double", "-?(?:0|[1-9][0-9]{0,29})(?:\\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?"},
    Type{"normalizedString", "[^\\t\\r\\n]*"},
    Type{"token", "(?:[^ \\t\\r\\n]+(?: [^ \\t\\r\\n]+)*)?"},
    Type{"language", "[a-zA-Z]{1,8}(?:-[a-zA-Z0-9]{1,8})*"},
    Type{"Name", "[\\p{L}_:][\\p{L}\\p{N}_:.-]*"},
    Type{"NCName", "[\\p{L}_][\\p{L}\\p{N}_.-]*"},
    Type{"NMTOKEN", "[\\p{L}\\p{N}_:.-]+"},
    Type{"gYear", "[0-9]{4}"},
    Type{"gYearMonth", "[0-9]{4}-(?:0[1-9]|1[0-2])"},
    Type{"hexBinary", "(?:[0-9a-fA-F]{2})*"},
    Type{"base64Binary", "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"},
    Type{"uuid", "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"},
};

struct Alias {
  std::string_view name, format;
};
constexpr std::array kFormats = {Alias{"date", "date"},         Alias{"dateTime", "date-time"},   Alias{"time", "time"},
                                 Alias{"duration", "duration"}, Alias{"anyURI", "uri-reference"}, Alias{"uri", "uri"},
                                 Alias{"email", "email"}};

struct Number {
  std::string_view name;
  bool is_integer;
  std::string_view min, max;
};
constexpr std::array kNumbers = {
    Number{"decimal", false, "", ""},
    Number{"number", false, "", ""},
    Number{"integer", true, "", ""},
    Number{"nonNegativeInteger", true, "0", ""},
    Number{"positiveInteger", true, "1", ""},
    Number{"nonPositiveInteger", true, "", "0"},
    Number{"negativeInteger", true, "", "-1"},
    Number{"long", true, "-9223372036854775808", "9223372036854775807"},
    Number{"int", true, "-2147483648", "2147483647"},
    Number{"short", true, "-32768", "32767"},
    Number{"byte", true, "-128", "127"},
    Number{"unsignedLong", true, "0", "18446744073709551615"},
    Number{"unsignedInt", true, "0", "4294967295"},
    Number{"unsignedShort", true, "0", "65535"},
    Number{"unsignedByte", true, "0", "255"},
};

RegexId number_language(RegexPool& pool, const Number& number) {
  const auto notation = parse_pattern(
      pool, number.is_integer ? "-?(?:0|[1-9][0-9]{0,29})" : "-?(?:0|[1-9][0-9]{0,29})(?:\\.[0-9]{1,30})?",
      {.is_search = false});
  const NumberSpec spec = *xml_number(number.name);
  return spec.min || spec.max ? pool.all_of({*notation, pool.number(spec)}) : *notation;
}

}  // namespace

std::optional<NumberSpec> xml_number(std::string_view name) {
  for (const Number& number : kNumbers) {
    if (number.name != name) continue;
    NumberSpec spec;
    if (!number.min.empty()) spec.min = parse_decimal(number.min);
    if (!number.max.empty()) spec.max = parse_decimal(number.max);
    return spec;
  }
  return std::nullopt;
}

std::optional<RegexId> xml_type(RegexPool& pool, std::string_view name, Spelling spelling) {
  if (name == "string" || name == "anySimpleType")
    return pool.repeat(spell(pool, CharSet::all(), spelling), 0, kUnbounded);
  for (const Number& number : kNumbers) {
    if (number.name == name) return number_language(pool, number);
  }
  std::string_view pattern;
  for (const Type& type : kTypes) {
    if (type.name == name) pattern = type.pattern;
  }
  for (const Alias& alias : kFormats) {
    if (alias.name == name) pattern = *format_pattern(alias.format);
  }
  if (pattern.empty()) return std::nullopt;
  return parse_pattern(pool, pattern, {.spelling = spelling, .is_search = false}).value();
}

RegexId xml_gap(RegexPool& pool) {
  const RegexId line = pool.concat(pool.optional(pool.literal("\r")), pool.literal("\n"));
  return pool.optional(pool.concat(line, pool.repeat(pool.bytes(ByteSet::of(" \t")), 0, 32)));
}

}  // namespace mlxserving::grammar
