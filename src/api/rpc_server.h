// The JSON-RPC server apart from its pipe: messages in, lines out. It answers every request once, holds the calls of
// one model in order, reads streams, and ends in good order.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "api/rpc_activity.h"
#include "api/rpc_call.h"
#include "api/rpc_lanes.h"
#include "api/rpc_message.h"
#include "api/rpc_streams.h"
#include "core/bounded_queue.h"

namespace mlxserving::api {

// Where lines go. `reply` never waits; `notify` may, until the client has caught up: it is called on threads of
// streams.
struct RpcOutput {
  std::function<void(std::string line)> reply;
  std::function<void(std::string line)> notify;
};

// What the server's thread is told.
struct Received {
  std::variant<Request, BadLine> message;
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

  struct Stopping {
    Clock::time_point cancel_at;
    Clock::time_point give_up_at;
    bool is_cancelled = false;
    std::shared_ptr<Call> call;  // of shutdown
  };

  void take(Received received);
  void take(WorkDone done);
  void take(StreamEnded ended);
  void take(StopRequested stop);

  void take_request(Request request);
  void log_received(const Call& call, const Request& request) const;
  std::optional<RpcError> admit(const Request& request) const;
  void dispatch(std::shared_ptr<Call> call);
  Services of_call(const Call& call) const;
  Reply tell(Answer answer_of, const Call& call);

  void work(const std::shared_ptr<Call>& call);
  RpcLanes::Job begin(const std::shared_ptr<Call>& call);
  void conclude(Call& call, Outcome outcome);

  void control(const std::shared_ptr<Call>& call, Control control);
  Reply cancel(const Json& params);
  bool cancel_call(const Json& id);
  Reply acknowledge(const Json& params);

  void answer(const Call& call, const Reply& reply);
  void forget(const Call& call);

  void begin_stop(std::chrono::milliseconds drain, std::shared_ptr<Call> call);
  void go_on_stopping();
  void give_up();
  bool is_done() const;
  std::chrono::milliseconds patience() const;

  const Services services_;
  const RpcOutput output_;
  ServerInbox& inbox_;
  uint64_t last_number_ = 0;
  std::map<uint64_t, std::shared_ptr<Call>> calls_;  // unanswered
  std::map<std::string, uint64_t> numbers_;          // by id, as JSON text
  size_t pending_bytes_ = 0;
  ActivityRecorder activity_;
  std::optional<Stopping> stopping_;
  RpcStreams streams_;
  RpcLanes lanes_;  // last: its workers use the others
};

}  // namespace mlxserving::api
