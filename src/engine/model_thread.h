// The one thread that owns MLX: loads the model, then runs the loop until the inbox closes.
#pragma once

#include <future>
#include <memory>
#include <string>
#include <thread>

#include "engine/loop.h"
#include "mlxserving/engine.h"

namespace mlxserving::engine {

class ModelThread {
 public:
  // Starts the thread and the loading; loaded() tells the outcome.
  ModelThread(std::string model_dir, EngineOptions options);
  ~ModelThread();  // closes the inbox and joins
  ModelThread(const ModelThread&) = delete;
  ModelThread& operator=(const ModelThread&) = delete;

  // Waits until the model answers or has failed to load. Once.
  Result<ModelInfo> loaded() { return loaded_.get_future().get(); }

  // Shared, because a stream may outlive its engine: it then finds the inbox closed.
  const std::shared_ptr<Inbox>& inbox() { return inbox_; }

 private:
  void run(const std::string& model_dir, const EngineOptions& options);

  std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>(kInboxMax);
  std::promise<Result<ModelInfo>> loaded_;
  std::thread thread_;
};

}  // namespace mlxserving::engine
