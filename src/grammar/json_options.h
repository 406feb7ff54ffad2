// How generated JSON is laid out: the public type under this folder's name.
#pragma once

#include "mlxserving/constraint.h"

namespace mlxserving::grammar {

using mlxserving::JsonLayout;

}  // namespace mlxserving::grammar
