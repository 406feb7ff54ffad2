#include "kernels/linear.h"

#include <algorithm>
#include <numeric>
#include <utility>
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

// What is multiplied: products of one x, or each of an x of its own.
struct Work {
  std::span<const Product> products;
  std::span<const Rows> xs;  // one, or as many as products

  const Rows& x_of(size_t product) const { return xs[xs.size() == 1 ? 0 : product]; }

  // The first product whose prepared activations are those of `product`.
  size_t first_alike(size_t product) const {
    if (xs.size() > 1) return product;
    const Product& p = products[product];
    const auto same = std::find_if(products.begin(), products.end(), [&](const Product& q) {
      return p.kernel == q.kernel && p.w->group_size == q.w->group_size && p.w->bits == q.w->bits;
    });
    return static_cast<size_t>(same - products.begin());
  }
};

// The product's kernel, or the one of the same bits that is faster for that many rows.
Product fitted(Product product, int rows) {
  const LinearKernel* kernel = product.kernel;
  if (kernel->batch != nullptr && rows >= kernel->batch_rows) product.kernel = kernel->batch;
  return product;
}

// Tasks of several products in one run of the pool.
class TaskList {
 public:
  // Of the next product.
  void add(int64_t tasks) { begin_.push_back(begin_.back() + static_cast<int>(tasks)); }

  // Calls task(product, index within it, thread).
  template <typename Task>
  void run(ThreadPool& pool, const Task& task) const {
    pool.run(begin_.back(), [&](int index, int thread) {
      const auto after = std::upper_bound(begin_.begin(), begin_.end(), index);
      const auto product = static_cast<size_t>(after - begin_.begin() - 1);
      task(product, index - begin_[product], thread);
    });
  }

 private:
  std::vector<int> begin_{0};  // [product], then the end
};

// Prepared activations of each product, made once for those that can share.
std::vector<uint8_t*> prepare_all(ThreadPool& pool, Workspace& workspace, const Work& work) {
  const size_t count = work.products.size();
  int64_t total = 0;
  for (size_t i = 0; i < count; ++i) total += prepared_bytes(work.products[i], work.x_of(i).count);
  uint8_t* next = workspace.prepared.bytes(static_cast<size_t>(total));
  std::vector<uint8_t*> prepared;
  TaskList tasks;
  for (size_t i = 0; i < count; ++i) {
    const LinearKernel& kernel = *work.products[i].kernel;
    const size_t first = work.first_alike(i);
    const bool is_made_here = first == i && kernel.prepared_bytes != nullptr;
    tasks.add(is_made_here ? blocks_of(work.x_of(i).count, kernel) : 0);
    prepared.push_back(first < i ? prepared[first] : next);
    if (first == i) next += prepared_bytes(work.products[i], work.x_of(i).count);
  }
  tasks.run(pool, [&](size_t product, int block, int) {
    const Matrix& w = *work.products[product].w;
    const LinearKernel& kernel = *work.products[product].kernel;
    const Rows x = work.x_of(product);
    const int begin = block * kernel.row_block;
    const Rows rows{x.data + begin * x.stride, x.stride, std::min(kernel.row_block, x.count - begin)};
    kernel.prepare(w, rows, prepared[product] + block * kernel.prepared_bytes(w));
  });
  return prepared;
}

// Weight rows of a task: an even share of all products' rows, each as often as it meets a row of x.
int64_t rows_a_task(const Work& work, size_t product, int threads) {
  int64_t rows = 0;
  for (size_t i = 0; i < work.products.size(); ++i) rows += work.products[i].w->rows * work.x_of(i).count;
  const int64_t tasks = std::min<int64_t>(threads * kTasksPerThread, kTasksMax / 2);
  const int64_t even = (rows + tasks - 1) / tasks / work.x_of(product).count;
  return std::max<int64_t>((even + kTaskRows - 1) / kTaskRows * kTaskRows, kTaskRows);
}

void multiply(ThreadPool& pool, Workspace& workspace, const Work& work) {
  const auto prepared = prepare_all(pool, workspace, work);
  int64_t scratch_bytes = 0;
  std::vector<int64_t> task_rows;
  TaskList tasks;
  for (size_t i = 0; i < work.products.size(); ++i) {
    const Product& product = work.products[i];
    scratch_bytes = std::max(scratch_bytes, product.kernel->scratch_bytes(*product.w));
    task_rows.push_back(rows_a_task(work, i, pool.threads()));
    tasks.add((product.w->rows + task_rows[i] - 1) / task_rows[i]);
  }
  scratch_bytes = (scratch_bytes + 63) / 64 * 64;
  uint8_t* scratch = workspace.scratch.bytes(static_cast<size_t>(scratch_bytes * pool.threads()));
  tasks.run(pool, [&](size_t i, int task, int thread) {
    const Product& product = work.products[i];
    const int64_t begin = task * task_rows[i];
    product.kernel->multiply(*product.w, work.x_of(i), prepared[i], begin,
                             std::min(begin + task_rows[i], product.w->rows), product.y,
                             scratch + thread * scratch_bytes);
  });
}

}  // namespace

void multiply(ThreadPool& pool, Workspace& workspace, Rows x, std::span<const Product> products) {
  if (x.count == 0) return;
  std::vector<Product> fitting;
  for (const Product& product : products) fitting.push_back(fitted(product, x.count));
  multiply(pool, workspace, {.products = fitting, .xs = {&x, 1}});
}

void multiply_experts(ThreadPool& pool, Workspace& workspace, Rows x, std::span<const int32_t> chosen,
                      std::span<const Expert> experts, MutableRows y) {
  if (x.count == 0) return;
  // Places in the order of the experts; each keeps the order of its rows.
  std::vector<int32_t> sorted(chosen.size());
  std::iota(sorted.begin(), sorted.end(), 0);
  std::sort(sorted.begin(), sorted.end(), [&](int32_t a, int32_t b) {
    return std::pair(chosen[static_cast<size_t>(a)], a) < std::pair(chosen[static_cast<size_t>(b)], b);
  });
  const int64_t columns = experts[0].w->columns;
  const int64_t rows = experts[0].w->rows;
  const auto choices = static_cast<int64_t>(chosen.size()) / x.count;
  const auto count = static_cast<int64_t>(sorted.size());
  float* gathered = workspace.gathered.floats(static_cast<size_t>(count * (columns + rows)));
  float* products_at = gathered + count * columns;

  std::vector<Product> products;
  std::vector<Rows> xs;
  for (int64_t i = 0; i < count; ++i) {
    const int32_t place = sorted[static_cast<size_t>(i)];
    const int32_t expert = chosen[static_cast<size_t>(place)];
    std::copy_n(x.data + place / choices * x.stride, columns, gathered + i * columns);
    const bool is_new = i == 0 || chosen[static_cast<size_t>(sorted[static_cast<size_t>(i - 1)])] != expert;
    if (is_new) {
      const Expert& chosen_expert = experts[static_cast<size_t>(expert)];
      products.push_back({chosen_expert.w, chosen_expert.kernel, {products_at + i * rows, rows}});
      xs.push_back({gathered + i * columns, columns, 0});
    }
    ++xs.back().count;
  }
  for (size_t i = 0; i < products.size(); ++i) products[i] = fitted(products[i], xs[i].count);
  multiply(pool, workspace, {.products = products, .xs = xs});
  for (int64_t i = 0; i < count; ++i) {
    std::copy_n(products_at + i * rows, rows, y.data + sorted[static_cast<size_t>(i)] * y.stride);
  }
}

}  // namespace mlxserving::kernels
