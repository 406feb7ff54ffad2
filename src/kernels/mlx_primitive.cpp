#include "kernels/mlx_primitive.h"

#include <mlx/allocator.h>
#include <mlx/backend/cpu/encoder.h>
#include <mlx/primitives.h>

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

// What the stream's thread runs. Never throws.
struct Task {
  std::function<void(const Buffers&)> body;
  std::shared_ptr<ErrorSlot> errors;
  const char* name;
  Buffers buffers;
  std::vector<size_t> output_bytes;

  void operator()() const noexcept {
    const Stopwatch stopwatch;
    if (errors->is_empty()) {
      try {
        return body(buffers);
      } catch (const std::exception& e) {
        errors->store({ErrorCode::internal, std::string(name) + ": " + e.what(), ""});
      } catch (...) {
        errors->store({ErrorCode::internal, std::string(name) + ": unknown exception", ""});
      }
    }
    for (size_t i = 0; i < buffers.outputs.size(); ++i) std::memset(buffers.outputs[i], 0, output_bytes[i]);
  }
};

class KernelPrimitive final : public mx::Primitive {
 public:
  KernelPrimitive(mx::Stream stream, const char* name, std::function<void(const Buffers&)> body,
                  std::shared_ptr<ErrorSlot> errors)
      : Primitive(stream), name_(name), body_(std::move(body)), errors_(std::move(errors)) {}

  void eval_cpu(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) override {
    Task task{body_, errors_, name_, {}, {}};
    for (const auto& input : inputs) {
      if (!input.flags().row_contiguous) throw std::invalid_argument(std::string(name_) + ": input is not contiguous");
      task.buffers.inputs.push_back(input.data<void>());
    }
    for (auto& output : outputs) {
      output.set_data(mx::allocator::malloc(output.nbytes()));
      task.buffers.outputs.push_back(output.data<void>());
      task.output_bytes.push_back(output.nbytes());
    }
    mx::cpu::get_command_encoder(stream()).dispatch(std::move(task));
  }
  void eval_gpu(const std::vector<mx::array>&, std::vector<mx::array>&) override {
    throw BrokenInvariant(std::string(name_) + " runs on the CPU only");
  }
  const char* name() const override { return name_; }

 private:
  const char* name_;
  std::function<void(const Buffers&)> body_;
  std::shared_ptr<ErrorSlot> errors_;
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

std::vector<mx::array> make_primitive(PrimitiveSpec spec, std::vector<mx::array> inputs,
                                      std::shared_ptr<ErrorSlot> errors, mx::Stream stream) {
  check(spec.shapes.size() == spec.dtypes.size(), "a type for each shape");
  auto primitive = std::make_shared<KernelPrimitive>(stream, spec.name, std::move(spec.body), std::move(errors));
  return mx::array::make_arrays(std::move(spec.shapes), spec.dtypes, std::move(primitive), inputs);
}

}  // namespace mlxserving::kernels
