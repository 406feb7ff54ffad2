// The calls that workers do: those of one model in the order in which they came, those of different models side by
// side.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "api/rpc_call.h"
#include "core/bounded_queue.h"

namespace mlxserving::api {

// A worker is done with a call.
struct WorkDone {
  std::shared_ptr<const Call> call;
  Outcome outcome;
  double took_ms = 0;
};

// Belongs to the server's thread.
class RpcLanes {
 public:
  using Job = std::function<Outcome()>;
  // Takes the turn of a call: what a worker shall do, or nothing when the call needed none.
  using Begin = std::function<Job(const std::shared_ptr<Call>& call)>;
  // Called on workers.
  using Done = std::function<void(WorkDone done)>;

  // `calls_max`: that may be in lanes at once.
  RpcLanes(size_t calls_max, telemetry::Log& log, Begin begin, Done done);
  ~RpcLanes();  // waits for the workers
  RpcLanes(const RpcLanes&) = delete;
  RpcLanes& operator=(const RpcLanes&) = delete;

  // Whether a call of the lane would have to wait for its turn, or for the one whose turn it is.
  bool is_in_use(const std::string& lane) const { return lanes_.contains(lane); }
  size_t running() const { return running_; }

  // Last of its lane; its turn comes at once when the lane is free.
  void push(const std::shared_ptr<Call>& call);
  // The call that was being done is done with, so that the next finds its model as this one has left it.
  void finish(const Call& call);
  // True if the call still waited for its turn, which it now loses.
  bool withdraw(const std::shared_ptr<Call>& call);
  // All that wait for their turn.
  std::vector<std::shared_ptr<Call>> withdraw_all();

 private:
  struct Lane {
    std::deque<std::shared_ptr<Call>> waiting;
    bool is_busy = false;
  };
  struct Task {
    std::shared_ptr<const Call> call;
    Job job;
  };
  using Tasks = BoundedQueue<Task>;

  void start_next(const std::string& name);
  void run(Tasks& tasks);

  telemetry::Log& log_;
  const Begin begin_;
  const Done done_;
  std::map<std::string, Lane> lanes_;
  size_t running_ = 0;
  Tasks tasks_;
  Tasks loads_;
  std::vector<std::thread> workers_;
};

}  // namespace mlxserving::api
