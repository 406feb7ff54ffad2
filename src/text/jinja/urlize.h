// Turns URLs and mail addresses in escaped text into HTML links, as jinja2.utils.urlize does.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/rendering.h"
#include "text/jinja/text.h"

namespace mlxserving::text::jinja {

struct Links {
  std::optional<int64_t> shown_max;  // code points of a URL that are shown
  bool nofollow = false;
  std::string target;
  std::string rel;
  std::vector<std::string> extra_schemes;
};

// "name:", "name:/" or "name://"
bool is_uri_scheme(std::string_view text);

TextPtr urlize(Rendering& rendering, const Text& escaped, const Links& links);

}  // namespace mlxserving::text::jinja
