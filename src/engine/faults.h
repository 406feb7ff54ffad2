// Faults to order, for tests: what a step may do that it must not. Nothing in the product arms one.
#pragma once

#include <mlx/array.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace mlxserving::engine {

enum class Fault : uint8_t {
  none,
  throw_in_eval,    // MLX throws on the engine thread
  throw_in_task,    // a task throws on the stream's thread
  hang,             // a task does not return until release()
  hang_in_guide,    // a grammar's work does not go on until release()
  break_invariant,  // the engine's own check fails
  end_thread,       // the engine thread ends
};

// Armed by any thread, met by the engine thread.
class Faults {
 public:
  // The next `steps` steps meet the fault.
  void arm(Fault fault, int steps = 1) {
    steps_ = steps;
    fault_ = fault;
  }
  void release();

  // Whether this step meets `fault`; it then counts as met.
  bool take(Fault fault);

  // Returns after release().
  void wait_for_release();

  // `logits`, which fails or hangs when evaluated if such a fault is armed.
  mlx::core::array plant(const mlx::core::array& logits);

 private:
  std::atomic<Fault> fault_ = Fault::none;
  std::atomic<int> steps_ = 0;
  std::mutex mutex_;
  std::condition_variable released_;
  int releases_ = 0;
};

}  // namespace mlxserving::engine
