// Python's two ways to format: 'text' % values and 'text'.format(values).
#pragma once

#include "text/jinja/rendering.h"
#include "text/jinja/value.h"

namespace mlxserving::text::jinja {

// format % arguments: a tuple gives several, a mapping gives %(name)s.
Value format_percent(Rendering& rendering, const Value& format, const Value& arguments);

// format(value, spec)
TextPtr format_value(Rendering& rendering, const Value& value, std::string_view spec);

// str.format(*positional, **named); `names` is a dict or missing.
Value format_braces(Rendering& rendering, const Value& format, const std::vector<Value>& positional,
                    const Value& names);

// ascii(): repr() with everything past ASCII escaped.
TextPtr ascii_repr(Rendering& rendering, const Value& value);

}  // namespace mlxserving::text::jinja
