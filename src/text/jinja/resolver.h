// Gives every name of a parsed template its place, by the scoping rules of Jinja's compiler.
#pragma once

#include "text/jinja/ast.h"

namespace mlxserving::text::jinja {

// Also looks up filters and tests; an unknown one outside an `if` is a fault here, as in Jinja. Throws a Fault
// (syntax_error) with its line.
Program resolve(Body body);

}  // namespace mlxserving::text::jinja
