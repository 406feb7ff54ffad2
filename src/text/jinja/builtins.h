// The tables of what a template can name: filters, tests, global functions, methods of values.
#pragma once

#include <span>
#include <string_view>

#include "text/jinja/value.h"

namespace mlxserving::text::jinja {

struct Builtin {
  const char* name;
  NativeCode code;
};

// One row each; `self` is the value left of the bar. Split by what they work on.
std::span<const Builtin> text_filters();
std::span<const Builtin> number_filters();
std::span<const Builtin> sequence_filters();
std::span<const Builtin> markup_filters();
std::span<const Builtin> tests();
std::span<const Builtin> globals();

std::span<const Builtin> text_methods();
std::span<const Builtin> list_methods();
std::span<const Builtin> tuple_methods();
std::span<const Builtin> dict_methods();
std::span<const Builtin> range_methods();
std::span<const Builtin> integer_methods();
std::span<const Builtin> real_methods();
std::span<const Builtin> loop_methods();
std::span<const Builtin> cycler_methods();
// Methods that would change a list or dict: the sandbox refuses them.
bool is_unsafe_method(Kind kind, std::string_view name);

// Null when there is none of that name.
NativeCode find_filter(std::string_view name);
NativeCode find_test(std::string_view name);
NativeCode find_in(std::span<const Builtin> table, std::string_view name);

// The global functions as values, made once a rendering.
std::vector<std::pair<std::string, Value>> make_globals();

// Hugging Face's rule: a namespace stores no attribute whose name starts with an underline.
void check_namespace_name(std::string_view name);

// json.dumps() of the tojson filter; parameters ensure_ascii, indent, separators, sort_keys.
Value filter_tojson(Rendering& rendering, const Value& self, const Arguments& arguments);

// strftime() in the C locale.
TextPtr format_time(Rendering& rendering, const Text& format);

}  // namespace mlxserving::text::jinja
