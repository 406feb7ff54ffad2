// One model on the engine thread: its weights, its KV cache, its loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "engine/loop.h"
#include "engine/port.h"
#include "mlxserving/engine.h"

namespace mlxserving::engine {

// What a model will occupy, told from its files' headers.
struct MemoryNeed {
  int64_t weight_bytes = 0;
  int64_t kv_bytes = 0;
  int64_t total() const { return weight_bytes + kv_bytes; }
};

// Any thread. `kv_bytes_max` bounds the KV cache where the options name no bytes. Errors: those of loading.
Result<MemoryNeed> memory_need(const std::string& model_dir, const EngineOptions& options, int64_t kv_bytes_max);

// Made, run and destroyed on the engine thread.
class HostedModel {
 public:
  // Loads and, unless the options say no, warms up. Errors: those of models::load_model; resource_exhausted when the KV
  // cache has no room; invalid_request for options the model does not allow.
  static Result<std::unique_ptr<HostedModel>> load(const std::string& model_dir, const EngineOptions& options,
                                                   std::shared_ptr<Port> port);
  virtual ~HostedModel() = default;

  virtual const ModelInfo& info() const = 0;
  virtual const std::shared_ptr<Port>& port() = 0;
  virtual Loop& loop() = 0;
  virtual std::chrono::milliseconds step_timeout() const = 0;
};

}  // namespace mlxserving::engine
