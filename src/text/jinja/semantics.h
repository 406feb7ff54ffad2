// What Python's operators do: text of values, truth, equality, order, membership, arithmetic.
#pragma once

#include <optional>
#include <string>

#include "text/jinja/rendering.h"
#include "text/jinja/value.h"

namespace mlxserving::text::jinja {

// str(): the text a value prints as, with the trust of the strings inside it. Strings come back as they are.
TextPtr to_text(Rendering& rendering, const Value& value);
// str() of a string keeps being Markup; jinja calls this soft_str.
Value to_string(Rendering& rendering, const Value& value);
void append_repr(Rendering& rendering, TextBuilder& out, const Value& value);
// For error messages and cheap values only: without limits or trust.
std::string repr(const Value& value);
// repr() of a float: the shortest digits that give it back.
std::string real_to_text(double value);

bool is_true(const Value& value);
// len(), a Fault for what has none.
int64_t length_of(Rendering& rendering, const Value& value);

// ==; never fails.
bool equals(const Value& a, const Value& b);
// `is`: the same object, as far as a template can tell.
bool is_same(const Value& a, const Value& b);
// a < b; a Fault names the two types that have no order. `op` stands in it.
bool less(const Value& a, const Value& b, const char* op = "<");
// item in container.
bool contains(Rendering& rendering, const Value& container, const Value& item);

enum class Comparison : uint8_t { eq, ne, lt, le, gt, ge, in, not_in };
bool compare(Rendering& rendering, Comparison op, const Value& a, const Value& b);

enum class Arithmetic : uint8_t { add, sub, mul, div, floordiv, mod, pow };
Value calculate(Rendering& rendering, Arithmetic op, const Value& a, const Value& b);
Value negate(const Value& value);
Value positive(const Value& value);

// float(): numbers and texts of numbers; nothing where Python raises ValueError.
std::optional<double> parse_real(std::string_view text);
// int(text, base): nothing where Python raises ValueError.
std::optional<Value> parse_integer(std::string_view text, int base);
// The number as a double; `value.is_number()`.
double as_real(const Value& value);
// int() of a float: a Fault for inf and nan.
Value truncate_real(double value);
// A whole number for a count, an index or a width, clamped to 64 bits; a Fault for others.
int64_t as_index(const Value& value, const char* what);

// value[start:stop:step] of strings, lists, tuples and ranges; missing bounds are absent.
Value slice(Rendering& rendering, const Value& value, const Value& start, const Value& stop, const Value& step);
// Python's obj[key]: missing where it would raise TypeError or LookupError.
Value subscript(Rendering& rendering, const Value& object, const Value& key);

// The items of a value one after the other; a Fault when it is not iterable.
std::shared_ptr<Iterator> iterate(Rendering& rendering, const Value& value);
bool is_iterable(const Value& value);
// list(value)
std::vector<Value> collect(Rendering& rendering, const Value& value);

}  // namespace mlxserving::text::jinja
