#include "engine/resynchronise.h"

#include <mlx/scheduler.h>
#include <mlx/stream.h>
#include <mlx/utils.h>

#include <exception>

namespace mlxserving::engine {
namespace {

constexpr int kErrorsMax = 1000;  // that one graph leaves behind; seen are sixteen

}  // namespace

void resynchronise() {
  namespace mx = mlx::core;
  const mx::Stream stream = mx::default_stream(mx::default_device());
  for (int i = 0; i < kErrorsMax; ++i) {
    try {
      mx::synchronize(stream);
      break;
    } catch (const std::exception&) {
      continue;
    }
  }
  while (mx::scheduler::n_active_tasks() > 0) mx::scheduler::notify_task_completion(stream);
}

}  // namespace mlxserving::engine
