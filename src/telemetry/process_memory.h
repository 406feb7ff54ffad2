// Memory of this process now.
#pragma once

#include <cstdint>

namespace mlxserving::telemetry {

struct ProcessMemory {
  int64_t resident_bytes = 0;
  int64_t virtual_bytes = 0;
};

ProcessMemory process_memory();  // zeros where the system does not tell

}  // namespace mlxserving::telemetry
