// How much memory this process may use.
#pragma once

#include <cstdint>

namespace mlxserving::engine {

// Bytes of memory that the machine or, where smaller, the cgroup of this process has. 0 if neither tells.
int64_t memory_bytes();

}  // namespace mlxserving::engine
