#include "api/rpc_lanes.h"

#include <chrono>
#include <utility>

#include "core/check.h"

namespace mlxserving::api {
namespace {

constexpr int kWorkers = 2;      // tokenising, submitting: short, and the engine wants the cores
constexpr int kLoadWorkers = 2;  // a load of a model that is there need not wait for one that is not

}  // namespace

std::string lane_of(const Method& method, const Json& params) {
  if (method.model_field == nullptr) return "";
  const std::string_view field = method.model_field;
  const auto found = params.find(field);
  if (found == params.end()) return "";
  const Json* of = &*found;
  if (field == "requests") {
    if (of->empty() || !of->front().is_object()) return "";
    const Json& first = of->front();
    const auto id = first.contains("model_id") ? first.find("model_id") : first.find("primary_id");
    if (id == first.end()) return "";
    of = &*id;
  }
  return of->is_string() ? of->get<std::string>() : "";
}

RpcLanes::RpcLanes(size_t calls_max, telemetry::Log& log, Begin begin, Done done)
    : log_(log), begin_(std::move(begin)), done_(std::move(done)), tasks_(calls_max), loads_(calls_max) {
  for (int i = 0; i < kWorkers; ++i) workers_.emplace_back([this] { run(tasks_); });
  for (int i = 0; i < kLoadWorkers; ++i) workers_.emplace_back([this] { run(loads_); });
}

RpcLanes::~RpcLanes() {
  tasks_.close();
  loads_.close();
  for (std::thread& worker : workers_) worker.join();
}

void RpcLanes::push(const std::shared_ptr<Call>& call) {
  lanes_[call->lane].waiting.push_back(call);
  start_next(call->lane);
}

void RpcLanes::finish(const Call& call) {
  --running_;
  const auto lane = lanes_.find(call.lane);
  lane->second.is_busy = false;
  start_next(lane->first);
}

bool RpcLanes::withdraw(const std::shared_ptr<Call>& call) {
  const auto lane = lanes_.find(call->lane);
  return lane != lanes_.end() && std::erase(lane->second.waiting, call) > 0;
}

std::vector<std::shared_ptr<Call>> RpcLanes::withdraw_all() {
  std::vector<std::shared_ptr<Call>> withdrawn;
  for (auto& [name, lane] : lanes_) {
    withdrawn.insert(withdrawn.end(), lane.waiting.begin(), lane.waiting.end());
    lane.waiting.clear();
  }
  return withdrawn;
}

// `name` may be the key of the lane that ends here.
void RpcLanes::start_next(const std::string& name) {
  const auto found = lanes_.find(name);
  Lane& lane = found->second;
  while (!lane.is_busy && !lane.waiting.empty()) {
    const std::shared_ptr<Call> call = std::move(lane.waiting.front());
    lane.waiting.pop_front();
    Job job = begin_(call);
    if (!job) continue;
    lane.is_busy = true;
    ++running_;
    Task task{call, std::move(job)};
    const bool is_load = std::holds_alternative<Load>(call->method->does);
    const bool is_taken = (is_load ? loads_ : tasks_).try_push(task);
    check(is_taken, "the queues of tasks have room for every pending call");
  }
  if (!lane.is_busy) lanes_.erase(found);
}

// A worker. What is thrown here ends here.
void RpcLanes::run(Tasks& tasks) {
  using Clock = std::chrono::steady_clock;
  while (auto task = tasks.pop()) {
    const auto begun = Clock::now();
    Outcome outcome{internal_error()};
    try {
      outcome = task->job();
    } catch (const std::exception& e) {
      log_.write(
          telemetry::Level::error, "internal error",
          {{"correlation_id", task->call->correlation_id}, {"method", task->call->method->name}, {"fault", e.what()}});
    }
    const double took = std::chrono::duration<double, std::milli>(Clock::now() - begun).count();
    done_({std::move(task->call), std::move(outcome), took});
  }
}

}  // namespace mlxserving::api
