#include "engine/hosted_model.h"

#include <mlx/mlx.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>

#include "core/machine.h"
#include "core/result.h"
#include "engine/kv_budget.h"
#include "engine/prefix_tier.h"
#include "engine/runner.h"
#include "kernels/dispatch.h"
#include "kernels/thread_pool.h"
#include "models/model.h"
#include "models/survey.h"
#include "nn/cpu_ops.h"
#include "nn/mlx_ops.h"

namespace mlxserving::engine {
namespace {

constexpr int32_t kContextsMax = 4;  // full contexts that the default KV cache holds at most

// MLX's own buffers: the CPU backend keeps 32 MB by default and maps the rest anew each step.
constexpr size_t kMlxCacheBytes = size_t{128} << 20;

kernels::Numerics cpu_numerics(Numerics numerics) {
  switch (numerics) {
    case Numerics::f32: return kernels::Numerics::exact;
    case Numerics::standard: return kernels::Numerics::standard;
    case Numerics::fast: return kernels::Numerics::fast;
  }
  return kernels::Numerics::standard;
}

nn::WeightPlacement weight_placement(Weights weights) {
  switch (weights) {
    case Weights::automatic: return nn::WeightPlacement::automatic;
    case Weights::map: return nn::WeightPlacement::map;
    case Weights::copy: return nn::WeightPlacement::copy;
  }
  return nn::WeightPlacement::automatic;
}

// What computes, and how it is called in reports.
struct Backend {
  std::unique_ptr<nn::Ops> ops;
  int threads = 0;
  std::string kernels;
  std::string weights = "copy";  // of a GPU
};

// A GPU runs MLX's ops, a CPU ours.
Result<Backend> make_backend(const EngineOptions& options) {
  if (mlx::core::is_available(mlx::core::Device::gpu)) {
    if (options.kv_type == KvCacheType::int8) {
      return fail(ErrorCode::invalid_request, "kv_type", "kv_type must be automatic, bf16 or f16 on a GPU, got int8");
    }
    const bool f32 = options.numerics == Numerics::f32;
    return Backend{nn::make_mlx_ops(f32 ? nn::Numerics::f32 : nn::Numerics::checkpoint), 1, "mlx"};
  }
  mlx::core::disable_compile();  // it would run a compiler through /tmp
  mlx::core::set_cache_limit(kMlxCacheBytes);
  Backend backend;
  MLXS_TRY(const kernels::Kernels* kernels, kernels::choose_kernels_from_environment());
  backend.threads = options.threads > 0 ? options.threads : kernels::default_thread_count();
  backend.kernels = kernels->isa;
  const nn::WeightPlacement weights = nn::resolved(weight_placement(options.weights));
  backend.weights = nn::to_string(weights);
  MLXS_TRY(backend.ops, nn::make_cpu_ops({.threads = backend.threads,
                                          .numerics = cpu_numerics(options.numerics),
                                          .weights = weights,
                                          .kernels = kernels}));
  return backend;
}

nn::KvType kv_type(const EngineOptions& options) {
  switch (options.kv_type) {
    case KvCacheType::automatic: return options.numerics == Numerics::f32 ? nn::KvType::f32 : nn::KvType::bf16;
    case KvCacheType::bf16: return nn::KvType::bf16;
    case KvCacheType::f16: return nn::KvType::f16;
    case KvCacheType::int8: return nn::KvType::int8;
  }
  return nn::KvType::bf16;
}

// Everything that lives on the thread, in the order in which it is made.
struct World {
  Backend backend;
  models::LoadedModel loaded;
  KvBudget budget;
  std::unique_ptr<nn::KvStore> kv;
  std::unique_ptr<PrefixTier> prefix_tier;  // null: none
};

// The pools for what the options ask of a model like this.
Result<KvBudget> plan_kv(const format::ModelConfig& config, const nn::KvLayout& layout, const EngineOptions& options,
                         int64_t bytes_max) {
  const auto model_context = static_cast<int32_t>(config.max_position_embeddings);
  const int32_t wanted = options.context_tokens_max;
  if (wanted > model_context) {
    return fail(ErrorCode::invalid_request, "context_tokens_max",
                "the context must be at most {} tokens, which the model allows, got {}", model_context, wanted);
  }
  return kv_budget(layout, kv_type(options), wanted > 0 ? wanted : model_context, kContextsMax,
                   options.kv_bytes > 0 ? options.kv_bytes : bytes_max);
}

// Bytes that the KV cache may have beside the weights: a quarter of the memory, or what is left of it.
Result<int64_t> kv_room(int64_t weight_bytes, const EngineOptions& options) {
  const int64_t memory = options.memory_bytes > 0 ? options.memory_bytes : memory_bytes();
  const int64_t most = options.memory_bytes > 0 ? memory : memory / 4;
  if (memory > weight_bytes) return std::min(memory - weight_bytes, most);
  return fail(ErrorCode::resource_exhausted, "memory_bytes",
              "the weights need {} bytes of memory and the KV cache some more; {} are allowed", weight_bytes, memory);
}

Result<std::unique_ptr<PrefixTier>> make_prefix_tier(const std::string& model_dir, const EngineOptions& options,
                                                     const World& world, std::shared_ptr<Doorbell> bell) {
  if (options.prefix_cache_dir.empty() || !options.prefix_cache) return std::unique_ptr<PrefixTier>();
  const std::string how =
      fmt::format("{} numerics {} cache {} page {}", world.backend.kernels, static_cast<int>(options.numerics),
                  static_cast<int>(kv_type(options)), nn::kPageTokens);
  MLXS_TRY(std::string fingerprint, model_fingerprint(model_dir, how));
  MLXS_TRY(PrefixIndex index, PrefixIndex::open({.directory = options.prefix_cache_dir,
                                                 .bytes_max = options.prefix_cache_bytes,
                                                 .fingerprint = std::move(fingerprint)}));
  return std::make_unique<PrefixTier>(std::move(index), *world.kv, std::move(bell));
}

Result<World> make_world(const std::string& model_dir, const EngineOptions& options, const Port& port) {
  World world;
  MLXS_TRY(world.backend, make_backend(options));
  MLXS_TRY(world.loaded, models::load_model(model_dir, *world.backend.ops));
  const nn::KvLayout& layout = world.loaded.model->kv_layout();
  MLXS_TRY(const int64_t room, kv_room(world.loaded.sizes.weight_bytes, options));
  MLXS_TRY(world.budget, plan_kv(world.loaded.config, layout, options, room));
  std::vector<int32_t> pages;
  pages.reserve(world.budget.groups.size());
  for (const scheduler::PageGroup& group : world.budget.groups) pages.push_back(group.page_count);
  world.kv = world.backend.ops->make_kv_store(layout, pages, kv_type(options));
  MLXS_TRY(world.prefix_tier, make_prefix_tier(model_dir, options, world, port.inbox.bell()));
  return world;
}

ModelInfo describe(const World& world, const std::string& model_dir) {
  namespace fs = std::filesystem;
  const models::LoadedModel& loaded = world.loaded;
  return {.name = fs::path(model_dir).lexically_normal().filename().string(),
          .architecture = loaded.config.model_type,
          .parameter_count = loaded.sizes.parameters,
          .layer_parameter_count = loaded.sizes.layer_parameters,
          .weight_bytes = loaded.sizes.weight_bytes,
          .bytes_per_token = loaded.sizes.decode_bytes,
          .kv_bytes = world.budget.bytes,
          .kv_bytes_per_token = world.budget.bytes_per_token,
          .context_tokens_max = world.budget.context_tokens_max,
          .vocabulary_size = static_cast<int32_t>(loaded.config.vocab_size),
          .threads = world.backend.threads,
          .kernels = world.backend.kernels,
          .weights = world.backend.weights};
}

// One decode row through the whole model: pages are touched and primitives made before a user waits for them.
Result<void> warm_up(Runner& runner, const KvBudget& budget) {
  scheduler::Scheduler pages({}, budget.groups);
  const auto prompt = std::make_shared<const std::vector<int32_t>>(1, 0);
  MLXS_CHECKED(pages.enqueue({.id = 1, .prompt = prompt, .tokens_max = 2}));
  const scheduler::Plan plan = pages.plan();
  pages.apply(plan);
  const ChunkTokens chunk{plan.chunks.front(), *prompt};
  const auto output = runner.run({&chunk, 1}, {}, pages);
  if (!output) return output.error();
  return {};
}

class LiveModel final : public HostedModel {
 public:
  LiveModel(World world, ModelInfo info, const EngineOptions& options, std::shared_ptr<Port> port)
      : port_(std::move(port)),
        world_(std::move(world)),
        info_(std::move(info)),
        step_timeout_(options.step_timeout_ms),
        guides_(port_->inbox.bell()),
        runner_(*world_.loaded.model, *world_.backend.ops, *world_.kv, &port_->faults),
        loop_(*port_, runner_,
              {.limits = {.prefix_cache = options.prefix_cache},
               .latency_target_ms = options.latency_target_ms,
               .prefix_tier = world_.prefix_tier.get(),
               .guides = &guides_},
              world_.budget.groups) {}

  Result<void> warm_up() { return engine::warm_up(runner_, world_.budget); }

  const ModelInfo& info() const override { return info_; }
  const std::shared_ptr<Port>& port() override { return port_; }
  Loop& loop() override { return loop_; }
  std::chrono::milliseconds step_timeout() const override { return step_timeout_; }

 private:
  std::shared_ptr<Port> port_;  // shared with the engine's callers
  World world_;
  ModelInfo info_;
  std::chrono::milliseconds step_timeout_;
  GuideWorkers guides_;
  ModelRunner runner_;
  Loop loop_;
};

}  // namespace

Result<MemoryNeed> memory_need(const std::string& model_dir, const EngineOptions& options, int64_t kv_bytes_max) {
  MLXS_TRY(const models::ModelSurvey survey, models::survey_model(model_dir));
  MLXS_TRY(const KvBudget budget, plan_kv(survey.config, survey.kv_layout, options, kv_bytes_max));
  return MemoryNeed{.weight_bytes = survey.sizes.weight_bytes, .kv_bytes = budget.bytes};
}

Result<std::unique_ptr<HostedModel>> HostedModel::load(const std::string& model_dir, const EngineOptions& options,
                                                       std::shared_ptr<Port> port) {
  const auto report = [&](double fraction, const char* stage) {
    if (options.progress) options.progress(fraction, stage);
  };
  report(0.5, "weights");
  MLXS_TRY(World world, make_world(model_dir, options, *port));
  ModelInfo info = describe(world, model_dir);
  auto model = std::make_unique<LiveModel>(std::move(world), std::move(info), options, std::move(port));
  if (options.warm_up) {
    report(0.8, "warm-up");
    MLXS_CHECKED(model->warm_up());
  }
  report(1.0, "ready");
  return std::unique_ptr<HostedModel>(std::move(model));
}

}  // namespace mlxserving::engine
