// HTML as markupsafe and jinja2.utils handle it. Chat templates meet it through |safe, |e and |striptags.
#pragma once

#include "text/jinja/rendering.h"
#include "text/jinja/value.h"

namespace mlxserving::text::jinja {

// markupsafe.escape(): Markup as it is, anything else with & < > ' " replaced.
TextPtr escape(Rendering& rendering, const Value& value);
TextPtr escape_text(Rendering& rendering, const Text& text);

// Without tags and comments, white space collapsed, entities (numeric and the common names) resolved.
TextPtr strip_tags(Rendering& rendering, const Text& text);
TextPtr unescape_entities(Rendering& rendering, const Text& text);

}  // namespace mlxserving::text::jinja
