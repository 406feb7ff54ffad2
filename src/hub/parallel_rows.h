// Rows of a matrix over all cores: fork and join, for work of milliseconds and more.
#pragma once

#include <cstddef>
#include <functional>

namespace mlxserving::hub {

// Calls `work(begin, end)` for ranges that cover [0, rows), each on one thread, and returns when all are done. `work`
// does not throw.
void parallel_rows(size_t rows, const std::function<void(size_t begin, size_t end)>& work);

}  // namespace mlxserving::hub
