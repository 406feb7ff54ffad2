#include "kernels/mlx_primitive.h"

#include <mlx/allocator.h>
#include <mlx/backend/cpu/encoder.h>
#include <mlx/primitives.h>
#include <mlx/transforms.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "core/check.h"

namespace mlxserving::kernels {
namespace {

namespace mx = mlx::core;

std::atomic<int64_t> body_nanoseconds{0};

// Adds its lifetime to body_nanoseconds.
class Stopwatch {
 public:
  Stopwatch() = default;
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  ~Stopwatch() { body_nanoseconds.fetch_add((Clock::now() - begin_) / std::chrono::nanoseconds(1)); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin_ = Clock::now();
};

// What a node does, apart from the node: MLX may drop that before its stream gets to the work.
struct Work {
  const char* name;
  std::function<void(const Buffers&)> body;
  std::shared_ptr<ErrorSlot> errors;
};

// Work with its memory. Never throws.
struct Task {
  std::shared_ptr<const Work> work;
  Buffers buffers;
  std::vector<size_t> output_bytes;

  void operator()() const noexcept {
    const Stopwatch stopwatch;
    ErrorSlot& errors = *work->errors;
    if (errors.is_empty()) {
      try {
        return work->body(buffers);
      } catch (const std::exception& e) {
        errors.store({ErrorCode::internal, std::string(work->name) + ": " + e.what(), ""});
      } catch (...) {
        errors.store({ErrorCode::internal, std::string(work->name) + ": unknown exception", ""});
      }
    }
    for (size_t i = 0; i < buffers.outputs.size(); ++i) std::memset(buffers.outputs[i], 0, output_bytes[i]);
  }
};

class KernelPrimitive final : public mx::Primitive {
 public:
  KernelPrimitive(mx::Stream stream, Work work)
      : Primitive(stream), work_(std::make_shared<const Work>(std::move(work))) {}

  // With memory for the outputs.
  Task task(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) const {
    Task task{work_, {}, {}};
    for (const auto& input : inputs) {
      if (!input.flags().row_contiguous) throw std::invalid_argument(std::string(name()) + ": input is not contiguous");
      task.buffers.inputs.push_back(input.data<void>());
    }
    for (auto& output : outputs) {
      output.set_data(mx::allocator::malloc(output.nbytes()));
      task.buffers.outputs.push_back(output.data<void>());
      task.output_bytes.push_back(output.nbytes());
    }
    return task;
  }

  void eval_cpu(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) override {
    mx::cpu::get_command_encoder(stream()).dispatch(task(inputs, outputs));
  }
  void eval_gpu(const std::vector<mx::array>&, std::vector<mx::array>&) override {
    throw BrokenInvariant(std::string(name()) + " runs on the CPU only");
  }
  const char* name() const override { return work_->name; }

 private:
  std::shared_ptr<const Work> work_;
};

}  // namespace

double primitive_seconds() { return static_cast<double>(body_nanoseconds.load()) * 1e-9; }

void ErrorSlot::store(Error error) {
  const std::lock_guard lock(mutex_);
  if (!error_) error_ = std::move(error);
}

std::optional<Error> ErrorSlot::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(error_, std::nullopt);
}

bool ErrorSlot::is_empty() const {
  const std::lock_guard lock(mutex_);
  return !error_.has_value();
}

std::vector<mx::array> make_primitive(PrimitiveSpec spec, const std::vector<mx::array>& inputs,
                                      std::shared_ptr<ErrorSlot> errors, mx::Stream stream) {
  check(spec.shapes.size() == spec.dtypes.size(), "a type for each shape");
  auto primitive = std::make_shared<KernelPrimitive>(stream, Work{spec.name, std::move(spec.body), std::move(errors)});
  return mx::array::make_arrays(std::move(spec.shapes), spec.dtypes, std::move(primitive), inputs);
}

void evaluate(mx::array x) {
  if (x.status() == mx::array::Status::available) return;
  const auto* primitive = x.has_primitive() ? dynamic_cast<const KernelPrimitive*>(&x.primitive()) : nullptr;
  if (primitive == nullptr) return mx::eval(x);
  for (const auto& input : x.inputs()) evaluate(input);
  auto outputs = x.outputs();
  primitive->task(x.inputs(), outputs)();
  for (const auto& output : outputs) output.set_status(mx::array::Status::available);
  x.detach();
}

}  // namespace mlxserving::kernels
