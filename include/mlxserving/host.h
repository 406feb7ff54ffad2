// Several models in one process, loaded by name, unloaded when memory is short and nobody uses them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mlxserving/engine.h"

namespace mlxserving {

enum class ModelState { loading, ready, failed };

struct ModelStatus {
  std::string id;
  std::string directory;
  ModelState state = ModelState::loading;
  double progress = 0;    // while loading, in [0, 1]
  int64_t bytes = 0;      // weights and KV cache, once ready
  double idle_ms = 0;     // since its last request
  int64_t loaded_at = 0;  // seconds since 1970
  std::string error;      // of a failed load
};

struct HostOptions {
  int64_t memory_bytes = 0;   // of all models together; 0: what the machine and its control group allow
  EngineOptions engine = {};  // defaults of every load
};

// All functions may be called from any thread. Models take turns on the one thread that owns MLX.
class Host {
 public:
  static std::unique_ptr<Host> create(const HostOptions& options = {});
  virtual ~Host() = default;  // unloads everything

  // The engine of `directory` under `id`. Loads it unless it is there; callers that ask at once share one load. Makes
  // room by unloading models not in use, the least recently used first. Errors: resource_exhausted with the bytes
  // needed and those there are.
  virtual Result<std::shared_ptr<Engine>> load(const std::string& id, const std::string& directory,
                                               const EngineOptions& options) = 0;
  // A loaded model; not_found otherwise. While the pointer lives the model is in use.
  virtual Result<std::shared_ptr<Engine>> get(const std::string& id) = 0;
  // Its running requests end as cancelled. not_found if it is not loaded.
  virtual Result<void> unload(const std::string& id) = 0;
  virtual std::vector<ModelStatus> list() const = 0;
  virtual const HostOptions& options() const = 0;
};

}  // namespace mlxserving
