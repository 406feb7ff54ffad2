#include <unistd.h>

#include <fstream>

#include "telemetry/process_memory.h"

namespace mlxserving::telemetry {

ProcessMemory process_memory() {
  int64_t total = 0;
  int64_t resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;  // in pages
  const int64_t page = ::sysconf(_SC_PAGESIZE);
  return {.resident_bytes = resident * page, .virtual_bytes = total * page};
}

}  // namespace mlxserving::telemetry
