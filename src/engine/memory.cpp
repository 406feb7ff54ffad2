#include "engine/memory.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string>

#include "core/read_file.h"

namespace mlxserving::engine {
namespace {

int64_t machine_bytes() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page_bytes = ::sysconf(_SC_PAGE_SIZE);
  return pages > 0 && page_bytes > 0 ? int64_t{pages} * page_bytes : 0;
}

// The limit of one cgroup file; 0 where there is none ("max", or no such file).
int64_t cgroup_bytes(const char* path) {
  const auto text = read_file(path, 64);
  int64_t bytes = 0;
  if (!text) return 0;
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), bytes);
  return parsed.ec == std::errc{} ? bytes : 0;
}

}  // namespace

int64_t memory_bytes() {
  int64_t bytes = machine_bytes();
  for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    const int64_t limit = cgroup_bytes(path);
    if (limit > 0) bytes = bytes > 0 ? std::min(bytes, limit) : limit;
  }
  return bytes;
}

}  // namespace mlxserving::engine
