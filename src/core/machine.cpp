#include "core/machine.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <vector>

namespace mlxserving {
namespace {

int64_t machine_bytes() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page_bytes = ::sysconf(_SC_PAGE_SIZE);
  return pages > 0 && page_bytes > 0 ? int64_t{pages} * page_bytes : 0;
}

// The number a file begins with; nothing where there is none ("max", or no such file).
std::optional<int64_t> number_in(const std::string& path) {
  std::ifstream file(path);
  int64_t number = 0;
  if (file >> number) return number;
  return std::nullopt;
}

// The group of this process and those above it: each may limit. /proc/self/cgroup has a line "0::/its/path".
std::vector<std::string> own_groups(const std::string& root) {
  std::vector<std::string> groups{root};
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("0::/")) continue;
    const std::string path = line.substr(3);
    for (size_t end = path.find('/', 1); path.size() > 1; end = path.find('/', end + 1)) {
      groups.push_back(root + path.substr(0, end));
      if (end == std::string::npos) break;
    }
  }
  return groups;
}

}  // namespace

int64_t memory_bytes(const std::string& cgroup_root) {
  int64_t bytes = machine_bytes();
  const auto limit = [&](std::optional<int64_t> most) {
    if (most && *most > 0) bytes = bytes > 0 ? std::min(bytes, *most) : *most;
  };
  for (const std::string& group : own_groups(cgroup_root)) limit(number_in(group + "/memory.max"));
  limit(number_in(cgroup_root + "/memory/memory.limit_in_bytes"));
  return bytes;
}

std::optional<double> cpu_quota(const std::string& cgroup_root) {
  std::optional<double> least;
  for (const std::string& group : own_groups(cgroup_root)) {
    double quota = 0;
    double period = 0;
    std::ifstream file(group + "/cpu.max");
    if (file >> quota >> period && period > 0) least = std::min(least.value_or(quota / period), quota / period);
  }
  if (least) return least;
  const auto quota = number_in(cgroup_root + "/cpu/cpu.cfs_quota_us");
  const auto period = number_in(cgroup_root + "/cpu/cpu.cfs_period_us");
  if (quota && period && *quota > 0 && *period > 0) {
    return static_cast<double>(*quota) / static_cast<double>(*period);
  }
  return std::nullopt;
}

}  // namespace mlxserving
