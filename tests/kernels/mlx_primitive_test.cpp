// Faults in primitives: each becomes a value in its step's slot, nothing leaks, nothing hangs, the next step is right.
#include "kernels/mlx_primitive.h"

#include <gtest/gtest.h>
#include <mlx/device.h>
#include <mlx/memory.h>
#include <mlx/ops.h>
#include <mlx/scheduler.h>
#include <mlx/transforms.h>

#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace mlxserving::kernels {
namespace {

namespace mx = mlx::core;

enum class Fault { none, throws, throws_something_else };

// x + 1, or a fault.
mx::array plus_one(const mx::array& x, const std::shared_ptr<ErrorSlot>& errors, Fault fault = Fault::none) {
  const size_t count = x.size();
  return make_primitive({"plus_one",
                         {x.shape()},
                         {x.dtype()},
                         [count, fault](const Buffers& b) {
                           if (fault == Fault::throws) throw std::runtime_error("planted");
                           if (fault == Fault::throws_something_else) throw 42;
                           for (size_t i = 0; i < count; ++i) b.output(0)[i] = b.input(0)[i] + 1;
                         }},
                        {x}, errors, mx::default_stream(mx::Device::cpu))[0];
}

mx::array chain(int length, const std::shared_ptr<ErrorSlot>& errors, int faulty = -1, Fault fault = Fault::none) {
  mx::array x = mx::zeros({4, 64}, mx::float32, mx::Device::cpu);
  for (int i = 0; i < length; ++i) x = plus_one(x, errors, i == faulty ? fault : Fault::none);
  return x;
}

// Sanitizers keep freed memory for a while; the leak checker looks there instead.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

int64_t resident_pages() {
  std::ifstream statm("/proc/self/statm");
  int64_t size = 0;
  int64_t resident = 0;
  statm >> size >> resident;
  return resident;
}

TEST(MlxPrimitive, runs_its_body_in_the_graph) {
  const auto errors = std::make_shared<ErrorSlot>();
  mx::array y = chain(50, errors);
  mx::eval(y);
  EXPECT_EQ(y.data<float>()[255], 50.0F);
  EXPECT_FALSE(errors->take().has_value());
}

TEST(MlxPrimitive, gives_several_outputs) {
  const auto errors = std::make_shared<ErrorSlot>();
  const auto outputs = make_primitive({"two",
                                       {{2}, {3}},
                                       {mx::float32, mx::float32},
                                       [](const Buffers& b) {
                                         for (int i = 0; i < 2; ++i) b.output(0)[i] = 1;
                                         for (int i = 0; i < 3; ++i) b.output(1)[i] = 2;
                                       }},
                                      {}, errors, mx::default_stream(mx::Device::cpu));
  mx::eval(outputs[0], outputs[1]);
  EXPECT_EQ(outputs[0].data<float>()[1], 1.0F);
  EXPECT_EQ(outputs[1].data<float>()[2], 2.0F);
}

TEST(MlxPrimitive, a_throwing_body_leaves_its_error_in_the_slot_and_zeros) {
  for (const Fault fault : {Fault::throws, Fault::throws_something_else}) {
    const auto errors = std::make_shared<ErrorSlot>();
    mx::array y = plus_one(mx::ones({8}, mx::float32, mx::Device::cpu), errors, fault);
    mx::eval(y);
    EXPECT_EQ(y.data<float>()[7], 0.0F);
    const auto error = errors->take();
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->message, fault == Fault::throws ? "plus_one: planted" : "plus_one: unknown exception");
    EXPECT_FALSE(errors->take().has_value());
  }
}

TEST(MlxPrimitive, nothing_runs_after_the_first_fault) {
  const auto errors = std::make_shared<ErrorSlot>();
  mx::array y = chain(10, errors, 3, Fault::throws);
  mx::eval(y);
  EXPECT_EQ(y.data<float>()[0], 0.0F);
  EXPECT_EQ(errors->take()->message, "plus_one: planted");
}

TEST(MlxPrimitive, strided_input_is_refused_before_anything_runs) {
  const auto errors = std::make_shared<ErrorSlot>();
  const mx::array x = mx::transpose(mx::zeros({4, 8}, mx::float32, mx::Device::cpu), mx::Device::cpu);
  mx::array y = plus_one(x, errors);
  EXPECT_THROW(mx::eval(y), std::invalid_argument);
  mx::synchronize();
  mx::array next = chain(3, errors);
  mx::eval(next);
  EXPECT_EQ(next.data<float>()[0], 3.0F);
}

TEST(MlxPrimitive, evaluate_runs_bodies_on_the_calling_thread_each_once) {
  const auto errors = std::make_shared<ErrorSlot>();
  std::vector<std::thread::id> ran;
  const auto node = [&](std::vector<mx::array> inputs) {
    return make_primitive({"node",
                           {{1}},
                           {mx::float32},
                           [&ran](const Buffers& b) {
                             ran.push_back(std::this_thread::get_id());
                             b.output(0)[0] = 1;
                             for (size_t i = 0; i < b.inputs.size(); ++i) b.output(0)[0] += b.input(i)[0];
                           }},
                          std::move(inputs), errors, mx::default_stream(mx::Device::cpu))[0];
  };
  const mx::array x = node({});
  const mx::array y = node({x, node({x})});  // x has two readers
  evaluate(y);
  EXPECT_EQ(y.data<float>()[0], 4.0F);
  EXPECT_EQ(ran, std::vector<std::thread::id>(3, std::this_thread::get_id()));
  EXPECT_FALSE(y.has_primitive());
  EXPECT_TRUE(x.is_available());
}

TEST(MlxPrimitive, evaluate_lets_mlx_run_what_is_not_ours) {
  const auto errors = std::make_shared<ErrorSlot>();
  const mx::array sum = mx::add(chain(3, errors), mx::array(1.0F), mx::Device::cpu);
  const mx::array y = plus_one(sum, errors);
  evaluate(y);
  EXPECT_EQ(y.data<float>()[255], 5.0F);
  evaluate(y);
  EXPECT_EQ(y.data<float>()[0], 5.0F);
}

TEST(MlxPrimitive, evaluate_leaves_faults_in_the_slot_too) {
  const auto errors = std::make_shared<ErrorSlot>();
  const mx::array y = chain(10, errors, 3, Fault::throws);
  evaluate(y);
  EXPECT_EQ(y.data<float>()[0], 0.0F);
  EXPECT_EQ(errors->take()->message, "plus_one: planted");
  const mx::array x = mx::transpose(mx::zeros({4, 8}, mx::float32, mx::Device::cpu), mx::Device::cpu);
  EXPECT_THROW(evaluate(plus_one(x, errors)), std::invalid_argument);
}

TEST(MlxPrimitive, five_thousand_failing_steps_leak_nothing_and_the_next_is_right) {
  int64_t resident_before = 0;
  for (int step = 0; step < 5000; ++step) {
    if (step == 1000) resident_before = resident_pages();  // allocator caches are warm by then
    const auto errors = std::make_shared<ErrorSlot>();
    mx::array y = chain(12, errors, step % 12, step % 2 == 0 ? Fault::throws : Fault::throws_something_else);
    if (step % 3 == 0) {
      mx::async_eval(y);  // the array of a failed step may be dropped while it is under way
    } else {
      mx::eval(y);
      ASSERT_TRUE(errors->take().has_value()) << step;
    }
  }
  mx::synchronize();
  EXPECT_EQ(mx::scheduler::n_active_tasks(), 0);
  const int64_t grown = kSanitized ? 0 : resident_pages() - resident_before;
  EXPECT_LT(grown, 2048) << "4 KiB pages";

  const auto errors = std::make_shared<ErrorSlot>();
  mx::array y = chain(12, errors);
  mx::eval(y);
  EXPECT_EQ(y.data<float>()[0], 12.0F);
  EXPECT_FALSE(errors->take().has_value());
}

}  // namespace
}  // namespace mlxserving::kernels
