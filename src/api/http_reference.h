// docs/http.md, made from the tables that the server reads.
#pragma once

#include <string>

namespace mlxserving::api {

std::string http_reference_markdown();

}  // namespace mlxserving::api
