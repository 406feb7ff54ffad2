// The JSON-RPC server apart from its pipe: messages in, lines out. It answers every request once, holds the calls of
// one model in order, reads streams, and ends in good order.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "api/live_stream.h"
#include "api/rpc_message.h"
#include "api/rpc_methods.h"
#include "core/bounded_queue.h"

namespace mlxserving::api {

// Where lines go. `reply` never waits; `notify` may, until the client has caught up: it is called on threads of
// streams.
struct RpcOutput {
  std::function<void(std::string line)> reply;
  std::function<void(std::string line)> notify;
};

// A request that waits for its reply. Workers read it while the server may already have answered.
struct Call {
  uint64_t number = 0;
  Json id;  // null: a notification
  const Method* method = nullptr;
  Json params;
  size_t bytes = 0;
  std::string lane;            // the model whose calls keep their order
  std::string correlation_id;  // in the logs
  std::vector<Entry> entries = {};
  size_t streams_left = 0;  // of a call that replies when they have ended
};

// What the server's thread is told.
struct Received {
  std::variant<Request, BadLine> message;
};
struct WorkDone {
  std::shared_ptr<const Call> call;
  Outcome outcome;
  double took_ms = 0;
};
struct StreamEnded {
  std::string stream_id;
  Ending ending;
};
enum class StopReason { input_ended, signal, parent_died, output_broken };
struct StopRequested {
  StopReason reason;
};
using ServerMessage = std::variant<Received, WorkDone, StreamEnded, StopRequested>;
using ServerInbox = BoundedQueue<ServerMessage>;
constexpr size_t kServerInboxMax = 16;  // small, because a message may be as large as a line

class RpcServer {
 public:
  // Borrows the inbox: other threads write to it, and a full one holds them up.
  RpcServer(const Services& services, ServerInbox& inbox, RpcOutput output);
  ~RpcServer();  // waits for what workers and streams are doing
  RpcServer(const RpcServer&) = delete;
  RpcServer& operator=(const RpcServer&) = delete;

  // Answers until it is told to stop and has: on the calling thread. False when something still runs that cannot be
  // ended, such as the load of a model: the process must then end without waiting for it.
  bool run();

 private:
  using Clock = std::chrono::steady_clock;

  struct Lane {
    std::deque<std::shared_ptr<Call>> waiting;
    bool is_busy = false;
  };
  struct StreamSlot {
    uint64_t call = 0;
    bool is_cancelled = false;         // before it began
    std::shared_ptr<LiveStream> live;  // shared with the thread that reads it
  };
  struct Job {
    std::shared_ptr<const Call> call;
    std::function<Outcome()> work;
  };
  using Jobs = BoundedQueue<Job>;
  struct Stopping {
    Clock::time_point cancel_at;
    Clock::time_point give_up_at;
    bool is_cancelled = false;
    std::shared_ptr<Call> call;  // of shutdown
  };

  void take(Received received);
  void take(WorkDone done);
  void conclude(std::shared_ptr<Call> call, Outcome outcome);
  void take(StreamEnded ended);
  void take(StopRequested stop);
  void tick();
  void sample_rates();
  bool is_sampled();
  void note_state(const std::string& model_id, const char* part, const std::string& state);

  void take_request(Request request);
  std::optional<RpcError> admit(const Request& request) const;
  void dispatch(std::shared_ptr<Call> call);
  Services of_call(const Call& call) const;
  Reply tell(Answer answer_of, const Call& call);
  void work(const std::shared_ptr<Call>& call);
  void start_next(const std::string& lane);
  std::function<Outcome()> work_of(const std::shared_ptr<const Call>& call) const;
  void run_jobs(Jobs& jobs);

  std::optional<RpcError> prepare_entries(Call& call);
  std::optional<RpcError> prepare_one(Call& call) const;
  std::optional<RpcError> prepare_batch(Call& call) const;
  void start_streams(const Call& call, std::vector<NewStream> streams);
  void release_streams(const Call& call);

  void control(const std::shared_ptr<Call>& call, Control control);
  Reply cancel(const Json& params);
  bool cancel_stream(const std::string& stream_id);
  bool cancel_call(const Json& id);
  Reply acknowledge(const Json& params);

  void answer(const Call& call, const Reply& reply);
  void forget(const Call& call);

  void begin_stop(std::chrono::milliseconds drain, std::shared_ptr<Call> call);
  void cancel_streams();
  void give_up();
  bool is_done() const;
  std::chrono::milliseconds patience() const;

  const Services services_;
  const RpcOutput output_;
  const Clock::time_point started_ = Clock::now();
  ServerInbox& inbox_;
  uint64_t last_number_ = 0;
  std::map<uint64_t, std::shared_ptr<Call>> calls_;  // unanswered
  std::map<std::string, uint64_t> numbers_;          // by id, as JSON text
  size_t pending_bytes_ = 0;
  std::map<std::string, Lane> lanes_;
  std::map<std::string, StreamSlot> streams_;
  size_t jobs_running_ = 0;
  Activity activity_;
  Clock::time_point sampled_at_ = started_;
  double sampling_ = 0;
  std::map<std::string, std::map<std::string, std::string>> states_;  // by model and part
  std::optional<Stopping> stopping_;
  Jobs jobs_;
  Jobs loads_;
  StreamReader reader_;
  std::vector<std::thread> workers_;
};

}  // namespace mlxserving::api
