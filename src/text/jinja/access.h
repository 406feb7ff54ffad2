// What `a.b` and `a['b']` find in the sandbox, and calls.
#pragma once

#include "text/jinja/rendering.h"
#include "text/jinja/value.h"

namespace mlxserving::text::jinja {

// object.name: methods and attributes first, then keys. Undefined when there is neither.
Value get_attribute(Rendering& rendering, const Value& object, std::string_view name);
// object[key]: keys and indices first, then attributes.
Value get_item(Rendering& rendering, const Value& object, const Value& key);

// A Python attribute, without looking at keys: missing when the type has none of that name.
Value python_attribute(Rendering& rendering, const Value& object, std::string_view name);

// What the `attribute` of a filter names: "a.b.0" walks keys and attributes, an integer is an index. A missing
// `fallback` leaves Undefined.
Value attribute_path(Rendering& rendering, const Value& item, const Value& path, const Value& fallback = {});

// function(*positional, **named)
Value call(Rendering& rendering, const Value& function, const Arguments& arguments);

}  // namespace mlxserving::text::jinja
