// What every command that runs a model asks for: the model, the machine's share, and a progress bar while it loads.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "mlxserving/engine.h"

namespace mlxserving::cli {

// "default", "f32", "fast" → Numerics.
Result<Numerics> read_numerics(const std::string& name);

// "auto", "bf16", "f16", "int8" → KvCacheType.
Result<KvCacheType> read_kv_type(const std::string& name);

// The machine's share of one model.
class EngineSettings {
 public:
  void declare(CLI::App& command);
  Result<EngineOptions> read() const;
  Result<Numerics> numerics() const { return read_numerics(numerics_); }

 private:
  std::string numerics_ = "default";
  std::string weights_ = "auto";
  std::string kv_type_ = "auto";
  EngineOptions options_;
  int64_t kv_megabytes_ = 0;
};

class EngineFlags {
 public:
  explicit EngineFlags(CLI::App& command);

  // Loads the model; on a terminal a bar on stderr shows how far it is, unless `quiet`.
  Result<std::unique_ptr<Engine>> load(bool quiet) const;

  const std::string& model_dir() const { return model_dir_; }
  Result<Numerics> numerics() const { return settings_.numerics(); }

 private:
  std::string model_dir_;
  EngineSettings settings_;
  int64_t memory_megabytes_ = 0;
};

}  // namespace mlxserving::cli
