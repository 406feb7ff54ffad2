#include "hub/parallel_rows.h"

#include <algorithm>
#include <thread>
#include <vector>

namespace mlxserving::hub {
namespace {

constexpr size_t kRowsMin = 64;  // below this a thread costs more than it saves

}  // namespace

void parallel_rows(size_t rows, const std::function<void(size_t begin, size_t end)>& work) {
  const size_t cores = std::max(1U, std::thread::hardware_concurrency());
  const size_t parts = std::clamp<size_t>(rows / kRowsMin, 1, cores);
  std::vector<std::jthread> threads;
  for (size_t part = 1; part < parts; ++part) {
    threads.emplace_back([&, part] { work(rows * part / parts, rows * (part + 1) / parts); });
  }
  work(0, rows / parts);
}

}  // namespace mlxserving::hub
