#include "cli/engine_flags.h"

#include "core/progress.h"
#include "core/result.h"

namespace mlxserving::cli {

EngineFlags::EngineFlags(CLI::App& command) {
  command
      .add_option("model", model_dir_, "A directory in the MLX format (config.json, *.safetensors, tokenizer.json).")
      ->required();
  settings_.declare(command);
  command
      .add_option("--memory", memory_megabytes_,
                  "Megabytes for weights and KV cache together. Default what the machine or its control group has.")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 30))
      ->group("Engine");
}

void EngineSettings::declare(CLI::App& command) {
  command
      .add_option("--numerics", numerics_,
                  "f32: every product in 32-bit floats; default: activations in 15 bits where they meet quantised "
                  "weights; fast: in 8 bits.")
      ->check(CLI::IsMember({"f32", "default", "fast"}))
      ->capture_default_str()
      ->group("Engine");
  command
      .add_option("--weights", weights_,
                  "map: read them in the mapped file; copy: copy them once to 2 MiB pages; auto: copy on AMD, map "
                  "elsewhere.")
      ->check(CLI::IsMember({"map", "copy", "auto"}))
      ->capture_default_str()
      ->group("Engine");
  command.add_option("--threads", options_.threads, "Threads that compute. Default one a core this process may use.")
      ->check(CLI::Range(0, 64))
      ->group("Engine");
  command
      .add_option("--context", options_.context_tokens_max,
                  "Tokens of prompt and answer together. Default what the model allows.")
      ->check(CLI::Range(0, 1 << 30))
      ->group("Engine");
  command
      .add_option("--prefix-cache-dir", options_.prefix_cache_dir,
                  "Where beginnings of prompts are kept in files, to survive a restart. Default nowhere.")
      ->group("Engine");
  command
      .add_option("--prefix-cache-bytes", options_.prefix_cache_bytes,
                  "Bytes of these files at most, such as 500M or 8G; the oldest go.")
      ->transform(CLI::AsSizeValue(false))
      ->capture_default_str()
      ->group("Engine");
  command
      .add_option(
          "--kv-type", kv_type_,
          "How keys and values are kept. int8: half of the bytes of bf16, a scale a token and head; auto: bf16, "
          "or 32 bits with --numerics f32.")
      ->check(CLI::IsMember({"auto", "bf16", "f16", "int8"}))
      ->capture_default_str()
      ->group("Engine");
  command
      .add_option("--kv-memory", kv_megabytes_,
                  "Megabytes for the KV cache. Default what one full context needs, at most a quarter of the memory.")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 30))
      ->group("Engine");
}

Result<EngineOptions> EngineSettings::read() const {
  EngineOptions options = options_;
  MLXS_TRY(options.numerics, read_numerics(numerics_));
  options.weights = weights_ == "map" ? Weights::map : weights_ == "copy" ? Weights::copy : Weights::automatic;
  MLXS_TRY(options.kv_type, read_kv_type(kv_type_));
  options.kv_bytes = kv_megabytes_ * 1'000'000;
  return options;
}

Result<std::unique_ptr<Engine>> EngineFlags::load(bool quiet) const {
  MLXS_TRY(EngineOptions options, settings_.read());
  options.memory_bytes = memory_megabytes_ * 1'000'000;
  Progress bar("loading " + model_dir_, quiet);
  options.progress = [&](double fraction, const std::string& stage) { bar.show(fraction, stage); };
  return Engine::load(model_dir_, options);
}

Result<Numerics> read_numerics(const std::string& name) {
  if (name == "f32") return Numerics::f32;
  if (name == "default") return Numerics::standard;
  if (name == "fast") return Numerics::fast;
  return fail(ErrorCode::invalid_request, "numerics", "numerics must be f32, default or fast, got '{}'", name);
}

Result<KvCacheType> read_kv_type(const std::string& name) {
  if (name == "auto") return KvCacheType::automatic;
  if (name == "bf16") return KvCacheType::bf16;
  if (name == "f16") return KvCacheType::f16;
  if (name == "int8") return KvCacheType::int8;
  return fail(ErrorCode::invalid_request, "kv_type", "kv_type must be auto, bf16, f16 or int8, got '{}'", name);
}

}  // namespace mlxserving::cli
