#include "engine/faults.h"

#include <mlx/backend/cpu/encoder.h>
#include <mlx/primitives.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <utility>

namespace mlxserving::engine {
namespace {

namespace mx = mlx::core;

// Passes its input on, after doing `in_eval` on the evaluating thread and `in_task` on the stream's.
class FaultPrimitive final : public mx::UnaryPrimitive {
 public:
  FaultPrimitive(mx::Stream stream, std::function<void()> in_eval, std::function<void()> in_task)
      : UnaryPrimitive(stream), in_eval_(std::move(in_eval)), in_task_(std::move(in_task)) {}

  void eval_cpu(const std::vector<mx::array>& inputs, mx::array& output) override {
    in_eval_();
    output.copy_shared_buffer(inputs.front());
    mx::cpu::get_command_encoder(stream()).dispatch(in_task_);
  }
  void eval_gpu(const std::vector<mx::array>& inputs, mx::array& output) override {
    in_eval_();
    in_task_();
    output.copy_shared_buffer(inputs.front());
  }
  const char* name() const override { return "Fault"; }

 private:
  std::function<void()> in_eval_;
  std::function<void()> in_task_;
};

void nothing() {}
void throw_planted() { throw std::runtime_error("planted"); }

}  // namespace

bool Faults::take(Fault fault) {
  if (fault_ != fault || steps_ <= 0) return false;
  --steps_;
  return true;
}

void Faults::release() {
  const std::lock_guard lock(mutex_);
  ++releases_;
  released_.notify_all();
}

void Faults::wait_for_release() {
  std::unique_lock lock(mutex_);
  released_.wait(lock, [&] { return releases_ > 0; });
  --releases_;
}

mx::array Faults::plant(const mx::array& logits) {
  std::function<void()> in_eval = nothing;
  std::function<void()> in_task = nothing;
  if (take(Fault::throw_in_eval)) {
    in_eval = throw_planted;
  } else if (take(Fault::throw_in_task)) {
    in_task = throw_planted;
  } else if (take(Fault::hang)) {
    in_task = [this] { wait_for_release(); };
  } else {
    return logits;
  }
  const mx::Stream stream = mx::default_stream(mx::default_device());
  auto primitive = std::make_shared<FaultPrimitive>(stream, std::move(in_eval), std::move(in_task));
  return {logits.shape(), logits.dtype(), std::move(primitive), {logits}};
}

}  // namespace mlxserving::engine
