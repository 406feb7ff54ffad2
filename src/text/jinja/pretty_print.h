// pprint.pformat() of Python: repr() with sorted keys, broken over lines past 80 columns.
#pragma once

#include "text/jinja/rendering.h"
#include "text/jinja/value.h"

namespace mlxserving::text::jinja {

TextPtr pretty_print(Rendering& rendering, const Value& value);

}  // namespace mlxserving::text::jinja
