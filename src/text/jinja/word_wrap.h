// Python's textwrap.wrap(), for the wordwrap filter.
#pragma once

#include <vector>

#include "text/jinja/rendering.h"
#include "text/jinja/text.h"

namespace mlxserving::text::jinja {

struct Wrapping {
  int64_t width = 79;
  bool break_long_words = true;
  bool break_on_hyphens = true;
};

// The lines of one paragraph; none when it is all white space.
std::vector<TextPtr> wrap_words(Rendering& rendering, const TextPtr& paragraph, const Wrapping& wrapping);

}  // namespace mlxserving::text::jinja
