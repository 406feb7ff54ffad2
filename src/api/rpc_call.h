// A JSON-RPC request on its way to a reply.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "api/rpc_methods.h"

namespace mlxserving::api {

// Workers read it while the server may already have answered.
struct Call {
  uint64_t number = 0;
  Json id;  // null: a notification
  const Method* method = nullptr;
  Json params;
  size_t bytes = 0;
  std::string lane;            // the model whose calls keep their order
  std::string correlation_id;  // in the logs
  std::vector<Entry> entries = {};
  size_t streams_left = 0;  // of a call that replies when they have ended
};

// The model whose calls this one keeps in order with, where it can be read; otherwise the empty lane.
std::string lane_of(const Method& method, const Json& params);

}  // namespace mlxserving::api
