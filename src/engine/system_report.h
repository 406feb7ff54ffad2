// The machine as MLX and the kernels see it: for `mlx-serving doctor`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mlxserving::engine {

struct SystemReport {
  std::string system;                         // "Linux 6.1.0 x86_64"
  std::string processor;                      // as it names itself; empty if it does not
  int threads = 0;                            // that computing uses by default
  std::vector<std::string> instruction_sets;  // of our kernels, slowest first
  std::string kernels;                        // the one in use, or why none is
  int64_t memory_bytes = 0;                   // of the machine
  int64_t memory_limit_bytes = 0;             // what a control group leaves of it; 0: no limit
  std::string huge_pages;                     // of anonymous memory: "always", "madvise", "never"; empty if unknown
  std::string mlx_version;
  bool has_gpu = false;
  std::string gpu;  // its name
};

// Starts no stream and no thread.
SystemReport report_system();

}  // namespace mlxserving::engine
