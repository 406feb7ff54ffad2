#include <mach/mach.h>

#include "telemetry/process_memory.h"

namespace mlxserving::telemetry {

ProcessMemory process_memory() {
  mach_task_basic_info info = {};
  mach_msg_type_number_t count = MACH_TASK_BASIC_INFO_COUNT;
  const auto result = task_info(mach_task_self(), MACH_TASK_BASIC_INFO, reinterpret_cast<task_info_t>(&info), &count);
  if (result != KERN_SUCCESS) return {};
  return {.resident_bytes = static_cast<int64_t>(info.resident_size),
          .virtual_bytes = static_cast<int64_t>(info.virtual_size)};
}

}  // namespace mlxserving::telemetry
