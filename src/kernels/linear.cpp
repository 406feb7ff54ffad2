#include "kernels/linear.h"

#include <algorithm>
#include <vector>

namespace mlxserving::kernels {
namespace {

// Tasks a thread finds in a run: enough that a late thread costs little, few enough that claiming costs nothing.
constexpr int64_t kTasksPerThread = 6;
constexpr int64_t kTaskRows = 32;  // a task is a multiple of this many weight rows: whole register blocks

int blocks_of(int rows, const LinearKernel& kernel) { return (rows + kernel.row_block - 1) / kernel.row_block; }

int64_t prepared_bytes(const Product& product, int rows) {
  if (product.kernel->prepared_bytes == nullptr) return 0;
  return product.kernel->prepared_bytes(*product.w) * blocks_of(rows, *product.kernel);
}

bool prepares_alike(const Product& a, const Product& b) {
  return a.kernel == b.kernel && a.w->group_size == b.w->group_size && a.w->bits == b.w->bits;
}

void prepare(ThreadPool& pool, Rows x, const Product& product, uint8_t* prepared) {
  if (product.kernel->prepared_bytes == nullptr) return;
  const LinearKernel& kernel = *product.kernel;
  const int64_t block_bytes = kernel.prepared_bytes(*product.w);
  pool.run(blocks_of(x.count, kernel), [&](int block, int) {
    const int begin = block * kernel.row_block;
    const Rows rows{x.data + begin * x.stride, x.stride, std::min(kernel.row_block, x.count - begin)};
    kernel.prepare(*product.w, rows, prepared + block * block_bytes);
  });
}

// Prepared activations of each product, made once for those that can share.
std::vector<const uint8_t*> prepare_all(ThreadPool& pool, Workspace& workspace, Rows x,
                                        std::span<const Product> products) {
  int64_t total = 0;
  for (const auto& product : products) total += prepared_bytes(product, x.count);
  uint8_t* next = workspace.prepared.bytes(static_cast<size_t>(total));
  std::vector<const uint8_t*> prepared;
  for (size_t i = 0; i < products.size(); ++i) {
    const auto same = std::find_if(products.begin(), products.begin() + static_cast<std::ptrdiff_t>(i),
                                   [&](const Product& other) { return prepares_alike(other, products[i]); });
    const auto index = static_cast<size_t>(same - products.begin());
    if (index < i) {
      prepared.push_back(prepared[index]);
      continue;
    }
    prepare(pool, x, products[i], next);
    prepared.push_back(next);
    next += prepared_bytes(products[i], x.count);
  }
  return prepared;
}

int64_t rows_a_task(std::span<const Product> products, int threads) {
  int64_t rows = 0;
  for (const auto& product : products) rows += product.w->rows;
  const int64_t tasks = std::min<int64_t>(threads * kTasksPerThread, kTasksMax / 2);
  const int64_t even = (rows + tasks - 1) / tasks;
  return std::max<int64_t>((even + kTaskRows - 1) / kTaskRows * kTaskRows, kTaskRows);
}

}  // namespace

void multiply(ThreadPool& pool, Workspace& workspace, Rows x, std::span<const Product> products) {
  if (x.count == 0) return;
  const auto prepared = prepare_all(pool, workspace, x, products);
  const int64_t task_rows = rows_a_task(products, pool.threads());

  int64_t scratch_bytes = 0;
  std::vector<int> task_begin{0};  // [product], then the end
  for (const auto& product : products) {
    scratch_bytes = std::max(scratch_bytes, product.kernel->scratch_bytes(*product.w));
    task_begin.push_back(task_begin.back() + static_cast<int>((product.w->rows + task_rows - 1) / task_rows));
  }
  scratch_bytes = (scratch_bytes + 63) / 64 * 64;
  uint8_t* scratch = workspace.scratch.bytes(static_cast<size_t>(scratch_bytes * pool.threads()));

  pool.run(task_begin.back(), [&](int task, int thread) {
    const auto after = std::upper_bound(task_begin.begin(), task_begin.end(), task);
    const auto index = static_cast<size_t>(after - task_begin.begin() - 1);
    const Product& product = products[index];
    const int64_t begin = (task - task_begin[index]) * task_rows;
    product.kernel->multiply(*product.w, x, prepared[index], begin, std::min(begin + task_rows, product.w->rows),
                             product.y, scratch + thread * scratch_bytes);
  });
}

}  // namespace mlxserving::kernels
