// What this process may use of the machine: the one reader of control groups.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace mlxserving {

constexpr const char* kCgroupRoot = "/sys/fs/cgroup";

// Bytes of memory that the machine has or, where smaller, that a control group allows (version 2, the process's own
// group and those above it, or version 1). 0 if neither tells.
int64_t memory_bytes(const std::string& cgroup_root = kCgroupRoot);

// Cores' worth of time that a control group allows, such as 1.5; nothing without a limit.
std::optional<double> cpu_quota(const std::string& cgroup_root = kCgroupRoot);

}  // namespace mlxserving
