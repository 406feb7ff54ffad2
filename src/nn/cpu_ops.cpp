#include "nn/cpu_ops.h"

#include <mlx/device.h>
#include <mlx/stream.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/check.h"
#include "core/result.h"
#include "kernels/dispatch.h"
#include "kernels/mlx_primitive.h"
#include "kernels/thread_pool.h"
#include "nn/cpu_kv_store.h"
#include "nn/cpu_runtime.h"
#include "nn/cpu_weights.h"

namespace mlxserving::nn {
namespace {

namespace mx = mlx::core;
using kernels::Buffers;

int rows_of(const array& x) { return x.shape(0); }
int width_of(const array& x) { return x.shape(1); }
int out_of(const Linear& w) { return static_cast<int>(cpu(w).matrix().rows); }
int in_of(const Linear& w) { return static_cast<int>(cpu(w).matrix().columns); }

// Every page that the segment reads or writes is one of the pool; a ring may have slots without a page yet.
void check_pages(const Segment& segment, PageTable table, int32_t window, int32_t pool_pages) {
  const int32_t oldest = window == 0 ? 0 : std::max(0, segment.position_begin - window + 1) / kPageTokens;
  const int32_t newest = (segment.position_begin + segment.row_count - 1) / kPageTokens;
  check(!table.empty(), "a segment has pages in every layer group");
  for (int32_t i = oldest; i <= newest; ++i) {
    const int32_t page = table[static_cast<size_t>(i) % table.size()];
    check(page >= 0 && page < pool_pages, "a page of the pool");
  }
}

std::vector<kernels::AttentionSegment> segments_of(const KvView& kv, const CpuKvStore& store) {
  const auto group = static_cast<size_t>(store.group(kv.layer));
  std::vector<kernels::AttentionSegment> segments;
  for (const auto& segment : kv.step.segments) {
    const PageTable table = segment.page_tables.at(group);
    check_pages(segment, table, store.window(kv.layer), store.pages(kv.layer));
    segments.push_back({.row_begin = segment.row_begin,
                        .row_count = segment.row_count,
                        .position_begin = segment.position_begin,
                        .is_decode = segment.role == RowRole::decode,
                        .pages = {table.data(), static_cast<int64_t>(table.size())}});
  }
  return segments;
}

AttentionCall call_of(const AttentionSpec& spec, const KvView& kv, std::shared_ptr<const Rotation> rotation) {
  const auto& store = static_cast<const CpuKvStore&>(kv.store);
  AttentionCall call{.shape = {.heads = spec.heads,
                               .kv_heads = spec.kv_heads,
                               .head_dim = spec.head_dim,
                               .scale = spec.scale,
                               .soft_cap = spec.soft_cap,
                               .window = store.window(kv.layer),
                               .rotated = rotation->dims},
                     .pool = store.pool(kv.layer),
                     .segments = segments_of(kv, store),
                     .rotation = std::move(rotation)};
  check(call.pool.head_dim == spec.head_dim, "the cache has the heads' size");
  if (spec.q_norm) call.shape.q_norm = cpu(spec.q_norm).weight();
  if (spec.q_norm) call.shape.q_eps = cpu(spec.q_norm).eps();
  if (spec.k_norm) call.shape.k_norm = cpu(spec.k_norm).weight();
  if (spec.k_norm) call.shape.k_eps = cpu(spec.k_norm).eps();
  return call;
}

class CpuOps final : public Ops {
 public:
  CpuOps(const kernels::Kernels& kernels, int threads, kernels::Numerics numerics, WeightPlacement weights)
      : runtime_(std::make_shared<CpuRuntime>(kernels, threads)),
        memory_(weights, runtime_->pool()),
        numerics_(numerics),
        stream_(mx::default_stream(mx::Device::cpu)) {}

  Linear make_linear(const LinearTensors& tensors) override {
    return std::make_shared<CpuLinear>(tensors, memory_, runtime_->kernels(), numerics_);
  }

  Norm make_norm(const format::Tensor& weight, float eps, float weight_offset) override {
    return std::make_shared<CpuNorm>(weight, eps, weight_offset, runtime_->kernels());
  }

  Rope make_rope(const RopeSpec& spec) override { return std::make_shared<CpuRope>(spec); }

  std::unique_ptr<KvStore> make_kv_store(const KvLayout& layout, std::span<const int32_t> pages, KvType type) override {
    return std::make_unique<CpuKvStore>(layout, pages, type);
  }

  array embed(std::span<const int32_t> tokens, const Linear& table, float scale) const override {
    for (const int32_t token : tokens) check(token >= 0 && token < out_of(table), "a token of the vocabulary");
    return one("embed", {}, static_cast<int>(tokens.size()), in_of(table),
               [runtime = runtime_, ids = std::vector<int32_t>(tokens.begin(), tokens.end()), table,
                scale](const Buffers& b) { runtime->embed(ids, cpu(table), scale, b.output(0)); });
  }

  array linear(const array& x, const Linear& w) const override { return linears(x, {&w, 1})[0]; }

  std::vector<array> linears(const array& x, std::span<const Linear> ws) const override {
    std::vector<mx::Shape> shapes;
    for (const auto& w : ws) {
      check(in_of(w) == width_of(x), "as many columns as the weights have");
      shapes.push_back({rows_of(x), out_of(w)});
    }
    return primitive("linears", {x}, std::move(shapes),
                     [runtime = runtime_, runs = step_->runs(rows_of(x)),
                      ws = std::vector<Linear>(ws.begin(), ws.end())](const Buffers& b) {
                       std::vector<CpuRuntime::Output> outputs;
                       outputs.reserve(ws.size());
                       for (size_t i = 0; i < ws.size(); ++i) outputs.push_back({cpu(ws[i]), b.output(i)});
                       runtime->multiply(b.input(0), runs, outputs);
                     });
  }

  array rms_norm(const array& x, const Norm& norm) const override {
    check(cpu(norm).width() == width_of(x), "as many columns as the norm has");
    return one("rms_norm", {x}, rows_of(x), width_of(x),
               [runtime = runtime_, norm, rows = rows_of(x)](const Buffers& b) {
                 runtime->rms_norm(b.input(0), rows, cpu(norm), b.output(0));
               });
  }

  array add(const array& x, const array& y) const override {
    check(x.shape() == y.shape(), "sums have one shape");
    return one("add", {x, y}, rows_of(x), width_of(x),
               [runtime = runtime_, count = static_cast<int64_t>(x.size())](const Buffers& b) {
                 runtime->add(b.input(0), b.input(1), count, b.output(0));
               });
  }

  array gated(const array& gate, const array& up, Activation activation) const override {
    check(gate.shape() == up.shape(), "gate and up have one shape");
    return one("gated", {gate, up}, rows_of(gate), width_of(gate),
               [runtime = runtime_, activation, count = static_cast<int64_t>(gate.size())](const Buffers& b) {
                 runtime->gate(activation, b.input(0), b.input(1), count, b.output(0));
               });
  }

  array select_rows(const array& x, std::span<const int32_t> rows) const override {
    check_rows(x, rows);
    return one("select_rows", {x}, static_cast<int>(rows.size()), width_of(x),
               [rows = std::vector<int32_t>(rows.begin(), rows.end()), width = width_of(x)](const Buffers& b) {
                 copy_rows(b.input(0), rows, width, b.output(0));
               });
  }

  array soft_cap(const array& x, float cap) const override {
    return one("soft_cap", {x}, rows_of(x), width_of(x),
               [runtime = runtime_, cap, count = static_cast<int64_t>(x.size())](const Buffers& b) {
                 runtime->soft_cap(b.input(0), cap, count, b.output(0));
               });
  }

  array attention(const array& q, const array& k, const array& v, const AttentionSpec& spec,
                  const KvView& kv) const override {
    check(rows_of(q) == step_->rows(), "attention runs over the step's rows");
    return one("attention", {q, k, v}, rows_of(q), width_of(q),
               [runtime = runtime_, spec, call = call_of(spec, kv, step_->rotation(spec.rope)), rows = rows_of(q)](
                   const Buffers& b) { runtime->attend(call, b.input(0), b.input(1), b.input(2), rows, b.output(0)); });
  }

  array attention_block(const array& x, const AttentionBlock& block, const KvView& kv) const override {
    check(rows_of(x) == step_->rows(), "attention runs over the step's rows");
    return one("attention_block", {x}, rows_of(x), width_of(x),
               [runtime = runtime_, block, call = call_of(block.attention, kv, step_->rotation(block.attention.rope)),
                runs = step_->runs(rows_of(x))](const Buffers& b) {
                 runtime->attention_block(block, call, runs, b.input(0), b.output(0));
               });
  }

  array mlp_block(const array& x, const MlpBlock& block) const override {
    return one("mlp_block", {x}, rows_of(x), width_of(x),
               [runtime = runtime_, block, runs = step_->runs(rows_of(x))](const Buffers& b) {
                 runtime->mlp_block(block, runs, b.input(0), b.output(0));
               });
  }

  array decoder_layers(const array& x, std::span<const DecoderLayer> layers, KvStore& kv,
                       const Step& step) const override {
    check(rows_of(x) == step_->rows(), "attention runs over the step's rows");
    check(!layers.empty(), "a decoder has layers");
    std::vector<AttentionCall> calls;
    for (const auto& layer : layers) {
      const AttentionSpec& spec = layer.self_attn.attention;
      calls.push_back(call_of(spec, {kv, static_cast<int>(calls.size()), step}, step_->rotation(spec.rope)));
    }
    return one("decoder_layers", {x}, rows_of(x), width_of(x),
               [runtime = runtime_, layers, calls = std::move(calls), runs = step_->runs(rows_of(x))](
                   const Buffers& b) { runtime->decoder_layers(layers, calls, runs, b.input(0), b.output(0)); });
  }

  array logits(const array& x, const Norm& norm, const Linear& head, float cap, const Step& step) const override {
    check_rows(x, step.logit_rows);
    const auto rows = static_cast<int>(step.logit_rows.size());
    return one(
        "logits", {x}, rows, out_of(head),
        [runtime = runtime_, norm, head, cap, rows, selected = step.logit_rows, width = width_of(x)](const Buffers& b) {
          std::vector<float> normed(static_cast<size_t>(rows) * static_cast<size_t>(width));
          copy_rows(b.input(0), selected, width, normed.data());
          runtime->rms_norm(normed.data(), rows, cpu(norm), normed.data());
          const RoleRun runs[] = {{0, rows, RowRole::decode}};
          const CpuRuntime::Output outputs[] = {{cpu(head), b.output(0)}};
          runtime->multiply(normed.data(), runs, outputs);
          const int64_t count = cpu(head).matrix().rows * rows;
          if (cap > 0.0F) runtime->soft_cap(b.output(0), cap, count, b.output(0));
        });
  }

  void evaluate(const array& x) const override { kernels::evaluate(x); }

  void begin_step(const Step& step) override {
    errors_ = std::make_shared<kernels::ErrorSlot>();
    step_ = std::make_shared<StepRows>(step);
  }

  std::optional<Error> take_error() override { return errors_->take(); }

  int threads() const override { return runtime_->pool().threads(); }
  void for_each(int count, const std::function<void(int index, int thread)>& task) override {
    runtime_->pool().run(count, task);
  }

 private:
  static void check_rows(const array& x, std::span<const int32_t> rows) {
    for (const int32_t row : rows) check(row >= 0 && row < rows_of(x), "a row of x");
  }

  static void copy_rows(const float* x, std::span<const int32_t> rows, int64_t width, float* out) {
    for (const int32_t row : rows) {
      std::memcpy(out, x + row * width, static_cast<size_t>(width) * sizeof(float));
      out += width;
    }
  }

  std::vector<array> primitive(const char* name, std::vector<array> inputs, std::vector<mx::Shape> shapes,
                               std::function<void(const Buffers&)> body) const {
    for (const auto& input : inputs) check(input.dtype() == mx::float32 && input.ndim() == 2, "f32 rows");
    std::vector<mx::Dtype> dtypes(shapes.size(), mx::float32);
    return kernels::make_primitive({name, std::move(shapes), std::move(dtypes), std::move(body)}, std::move(inputs),
                                   errors_, stream_);
  }

  array one(const char* name, std::vector<array> inputs, int rows, int width,
            std::function<void(const Buffers&)> body) const {
    return primitive(name, std::move(inputs), {{rows, width}}, std::move(body))[0];
  }

  std::shared_ptr<CpuRuntime> runtime_;  // shared with primitives that may still wait for evaluation
  WeightMemory memory_;
  kernels::Numerics numerics_;
  mx::Stream stream_;
  std::shared_ptr<kernels::ErrorSlot> errors_ = std::make_shared<kernels::ErrorSlot>();
  std::shared_ptr<StepRows> step_ = std::make_shared<StepRows>(Step{});
};

}  // namespace

Result<KernelChoice> choose_kernels_for(const LinearTensors& tensors, kernels::Numerics numerics) {
  MLXS_TRY(const kernels::Kernels* table, kernels::choose_kernels_from_environment());
  const kernels::LinearKernels chosen = table->linear(matrix_of(tensors), numerics);
  return KernelChoice{table->isa, chosen.decode->name, chosen.prefill->name};
}

Result<std::unique_ptr<Ops>> make_cpu_ops(const CpuOptions& options) {
  if (options.threads < 0 || options.threads > kernels::kThreadsMax) {
    return fail(ErrorCode::invalid_request, "threads",
                "threads must be in [1, {}], or 0 for the number of cores, got {}", kernels::kThreadsMax,
                options.threads);
  }
  const kernels::Kernels* table = options.kernels;
  if (table == nullptr) {
    MLXS_TRY(table, kernels::choose_kernels_from_environment());
  }
  const int threads = options.threads > 0 ? options.threads : kernels::default_thread_count();
  return std::unique_ptr<Ops>(std::make_unique<CpuOps>(*table, threads, options.numerics, resolved(options.weights)));
}

}  // namespace mlxserving::nn
