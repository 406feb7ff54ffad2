#pragma once

#include "api/rpc_work.h"

namespace mlxserving::api {

// One item of a batch's results: {success, result, error}, the unused one null; a failed one also has code and data.
Json envelope(const Reply& reply);

}  // namespace mlxserving::api
