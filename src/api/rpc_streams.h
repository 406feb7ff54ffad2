// The streams of a JSON-RPC client by name: reserved by a call, begun by a worker's outcome, read until they end.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/live_stream.h"
#include "api/rpc_call.h"

namespace mlxserving::api {

// Belongs to the server's thread; `notify` and `on_end` are called on the thread that reads streams.
class RpcStreams {
 public:
  RpcStreams(LiveStream::Emit notify, StreamReader::OnEnd on_end, size_t streams_max);
  ~RpcStreams();  // cancels what has not ended
  RpcStreams(const RpcStreams&) = delete;
  RpcStreams& operator=(const RpcStreams&) = delete;

  size_t size() const { return slots_.size(); }

  // Reads what the call asks for into its entries, and keeps the names of those that will be streams. A batch with a
  // bad name is refused whole; an entry with bad params is refused alone.
  std::optional<RpcError> reserve(const Services& services, Call& call);
  // Begins streams under names that the call has reserved, and frees the names that it does not need.
  void start(const Call& call, std::vector<NewStream> started);
  // Frees the call's names that never began.
  void release(const Call& call);
  // Frees the name of a stream that has ended; the number of its call.
  uint64_t end(const std::string& name);

  // False when there is no such stream.
  bool cancel(const std::string& name);
  void cancel(const Call& call);
  void cancel_all();
  bool acknowledge(const std::string& name, uint64_t chunks);

 private:
  struct Slot {
    uint64_t call = 0;
    bool is_cancelled = false;         // before it began
    std::shared_ptr<LiveStream> live;  // shared with the thread that reads it
  };

  static void cancel(Slot& slot);
  std::optional<RpcError> read_one(Call& call) const;
  std::optional<RpcError> read_batch(const Services& services, Call& call) const;
  std::optional<RpcError> refuse_used(const std::string& name) const;

  size_t streams_max_;
  StreamReader reader_;
  std::map<std::string, Slot> slots_;  // goes before the bell that its streams ring
};

}  // namespace mlxserving::api
