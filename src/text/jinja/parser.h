// Tokens to a tree. The grammar is Jinja 3.1's, with Hugging Face's extensions: break, continue, generation.
#pragma once

#include <string_view>

#include "text/jinja/ast.h"
#include "text/jinja/limits.h"

namespace mlxserving::text::jinja {

// Throws a Fault (syntax_error or limit) with its line. Names are not yet resolved.
Body parse(std::string_view source, const Limits& limits);

}  // namespace mlxserving::text::jinja
