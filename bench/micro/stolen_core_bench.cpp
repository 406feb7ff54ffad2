// What a core taken by another process costs: a decode product on the pool, alone and beside a process that spins on
// one of its cores. A pool whose threads waited for each other would stop for whole time slices of the system
// (milliseconds a product); this one must stay near the speed of the cores that are left.
#include <benchmark/benchmark.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>
#include <vector>

#include "kernels/dispatch.h"
#include "kernels/linear.h"

namespace mlxserving::kernels {
namespace {

// Another process that keeps the last core of this one's mask busy while it lives.
class Thief {
 public:
  Thief() : child_(fork()) {
    if (child_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    cpu_set_t all;
    cpu_set_t one;
    sched_getaffinity(0, sizeof all, &all);
    CPU_ZERO(&one);
    for (int cpu = CPU_SETSIZE - 1; cpu >= 0; --cpu) {
      if (!CPU_ISSET(cpu, &all)) continue;
      CPU_SET(cpu, &one);
      break;
    }
    sched_setaffinity(0, sizeof one, &one);
    volatile unsigned spins = 0;
    for (;;) spins = spins + 1;
  }
  Thief(const Thief&) = delete;
  Thief& operator=(const Thief&) = delete;
  ~Thief() {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }

 private:
  pid_t child_;
};

// 1536 x 576 in 4 bits by 32: a product of SmolLM2-135M, a few microseconds, where waiting would show most.
void products(benchmark::State& state) {
  ThreadPool pool(static_cast<int>(state.range(0)));
  std::vector<uint8_t> memory(1536 * 576, 0x3C);
  const Matrix w{.packing = Packing::affine,
                 .type = Float::bf16,
                 .bits = 4,
                 .group_size = 32,
                 .rows = 1536,
                 .columns = 576,
                 .weight = memory.data(),
                 .scales = memory.data(),
                 .biases = memory.data()};
  const LinearKernel* kernel = choose_kernels_from_environment().value()->linear(w, Numerics::standard).decode;
  const std::vector<float> x(576, 1.0F);
  std::vector<float> y(1536);
  Workspace workspace;
  const Product product[] = {{&w, kernel, {y.data(), 1536}}};
  for (auto _ : state) multiply(pool, workspace, {x.data(), 576, 1}, product);
}

void alone(benchmark::State& state) { products(state); }

void beside_a_spinning_process(benchmark::State& state) {
  const Thief thief;
  products(state);
}

BENCHMARK(alone)->ArgName("threads")->Arg(1)->Arg(default_thread_count())->UseRealTime();
BENCHMARK(beside_a_spinning_process)->ArgName("threads")->Arg(1)->Arg(default_thread_count())->UseRealTime();

}  // namespace
}  // namespace mlxserving::kernels
