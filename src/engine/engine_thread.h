// The one thread that owns MLX: loads models, runs their loops step by step, destroys them. A second thread watches it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "core/bounded_queue.h"
#include "core/doorbell.h"
#include "engine/hosted_model.h"
#include "engine/pulse.h"
#include "engine/watchdog.h"
#include "scheduler/turns.h"

namespace mlxserving::engine {

// All public functions may be called from any other thread.
class EngineThread {
 public:
  EngineThread();
  ~EngineThread();  // every model ends first (unload), then this joins
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

  // What the ports of this thread's models ring.
  const std::shared_ptr<Doorbell>& bell() const { return bell_; }

  // Loads a model between two steps of the others and waits for it. `port` is then its loop's. Errors: those of
  // HostedModel::load; resource_exhausted when too many loads wait; internal when the thread has died.
  Result<ModelInfo> load(const std::string& model_dir, const EngineOptions& options, std::shared_ptr<Port> port);

  // Closes the port's inbox and waits until the model's requests are cancelled and its memory is free. Also for a port
  // whose load failed or that was unloaded before.
  void unload(Port& port);

  Pulse::Sign sign() const { return pulse_.read(); }
  bool is_hanging() const { return watchdog_.is_hanging(); }

 private:
  using Job = std::function<void()>;
  using ModelId = scheduler::Turns::Id;

  bool run_on_thread(Job& job);
  void run();
  void run_until_closed();
  Result<ModelInfo> adopt(Result<std::unique_ptr<HostedModel>> model);
  void drop_closed();
  void take_turn(Doorbell::Clock::time_point& wake_at);
  void step(ModelId id);
  void guard(Loop& loop, const std::function<void()>& action);

  const std::shared_ptr<Doorbell> bell_ = std::make_shared<Doorbell>();  // shared with inboxes, which may outlive it
  BoundedQueue<Job> jobs_;
  std::map<ModelId, std::unique_ptr<HostedModel>> models_;  // the thread's own
  scheduler::Turns turns_;
  ModelId next_id_ = 1;
  Pulse pulse_;
  Watchdog watchdog_;
  std::thread thread_;
};

}  // namespace mlxserving::engine
