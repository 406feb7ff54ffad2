#include "engine/engine_thread.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <future>
#include <stdexcept>
#include <utility>
#include <vector>

#include "core/result.h"

namespace mlxserving::engine {
namespace {

constexpr size_t kJobsMax = 256;                           // loads and unloads that wait
constexpr std::chrono::milliseconds kHeartbeat{500};       // of an idle thread
constexpr std::chrono::milliseconds kIdleAllowed{10'000};  // a starved machine may delay a beat

}  // namespace

EngineThread::EngineThread() : jobs_(kJobsMax), watchdog_(pulse_), thread_([this] { run(); }) {}

EngineThread::~EngineThread() {
  jobs_.close();
  bell_->ring();
  thread_.join();
}

// The job is the only owner of its promise: a thread that dies drops its jobs, and whoever waits is told.
bool EngineThread::run_on_thread(Job& job) {
  const bool pushed = jobs_.try_push(job);
  if (pushed) bell_->ring();
  return pushed;
}

Result<ModelInfo> EngineThread::load(const std::string& model_dir, const EngineOptions& options,
                                     std::shared_ptr<Port> port) {
  auto loaded = std::make_shared<std::promise<Result<ModelInfo>>>();  // shared: a job is copyable
  auto result = loaded->get_future();
  Job job = [this, model_dir, options, port = std::move(port), loaded = std::move(loaded)] {
    pulse_.beat(Pulse::Duration::max());
    try {
      loaded->set_value(adopt(HostedModel::load(model_dir, options, port)));
    } catch (const std::exception& e) {  // a load that fails by throwing harms no other model
      loaded->set_value(fail(ErrorCode::internal, "", "loading {} failed: {}", model_dir, e.what()));
    }
  };
  if (!run_on_thread(job)) {
    if (jobs_.is_closed()) return thread_died();
    return fail(ErrorCode::resource_exhausted, "", "{} loads wait already; try again later", kJobsMax);
  }
  try {
    return result.get();
  } catch (const std::future_error&) {
    return thread_died();
  }
}

void EngineThread::unload(Port& port) {
  port.inbox.close();
  auto dropped = std::make_shared<std::promise<void>>();
  const auto done = dropped->get_future();
  // A closed inbox goes before the jobs are looked at. A thread that has died holds no model any more.
  Job job = [dropped = std::move(dropped)] { dropped->set_value(); };
  while (!run_on_thread(job)) {
    if (jobs_.is_closed()) return;
    std::this_thread::yield();
  }
  done.wait();
}

Result<ModelInfo> EngineThread::adopt(Result<std::unique_ptr<HostedModel>> model) {
  if (!model) return model.error();
  const ModelInfo info = (*model)->info();
  watchdog_.watch((*model)->port());
  models_.emplace(next_id_++, std::move(*model));
  return info;
}

void EngineThread::run() {
  try {
    run_until_closed();
  } catch (...) {  // not even a fresh start was possible: health() says so, every reader gets an end
    pulse_.die();
    for (const auto& [id, model] : models_) model->port()->inbox.close();
    watchdog_.fail_streams(thread_died());
  }
  jobs_.close();
  while (jobs_.try_pop()) continue;
  models_.clear();
}

void EngineThread::run_until_closed() {
  while (!jobs_.is_closed()) {
    drop_closed();
    while (auto job = jobs_.try_pop()) (*job)();
    pulse_.beat(kIdleAllowed);
    auto wake_at = Doorbell::Clock::now() + kHeartbeat;
    take_turn(wake_at);
    bell_->wait_until(wake_at);
  }
}

void EngineThread::drop_closed() {
  for (auto it = models_.begin(); it != models_.end();) {
    HostedModel& model = *it->second;
    if (!model.port()->inbox.is_closed()) {
      ++it;
      continue;
    }
    guard(model.loop(), [&] { model.loop().close(); });
    turns_.remove(it->first);
    it = models_.erase(it);
  }
}

// Runs the step of whose turn it is; `wake_at` becomes when the next turn is due.
void EngineThread::take_turn(Doorbell::Clock::time_point& wake_at) {
  std::vector<ModelId> ready;
  for (const auto& [id, model] : models_) {
    Loop& loop = model->loop();
    bool has_step = false;
    guard(loop, [&] { has_step = loop.read(); });
    if (has_step) ready.push_back(id);
    wake_at = std::min(wake_at, loop.wake_at());
  }
  if (ready.empty()) return;
  step(turns_.next(ready));
  wake_at = {};
}

void EngineThread::step(ModelId id) {
  const auto begin = Doorbell::Clock::now();
  HostedModel& model = *models_.at(id);
  if (model.port()->faults.take(Fault::end_thread)) throw std::runtime_error("planted");
  pulse_.beat(model.step_timeout());
  guard(model.loop(), [&] { model.loop().step(); });
  turns_.charge(id, std::chrono::duration<double, std::milli>(Doorbell::Clock::now() - begin).count());
}

// One of the four places where exceptions end: the model's requests fail, its loop starts afresh, the others go on.
void EngineThread::guard(Loop& loop, const std::function<void()>& action) {
  try {
    action();
  } catch (const std::exception& e) {
    loop.rebuild({ErrorCode::internal, e.what(), ""});
  } catch (...) {
    loop.rebuild({ErrorCode::internal, "something that is no std::exception was thrown in the engine", ""});
  }
}

}  // namespace mlxserving::engine
