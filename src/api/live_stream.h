// A generation under way, told to the client: events in, notifications out.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "api/rpc_work.h"
#include "mlxserving/event.h"

namespace mlxserving::api {

// How a stream ended: its last notifications, and what is counted of it.
struct Ending {
  std::vector<std::string> lines = {};
  std::string model_id = {};
  std::string finish_reason = {};  // or "error"
  ErrorCode error = ErrorCode::internal;
  Usage usage = {};
  Timings timings = {};
  bool is_failed = false;
};

// Reads its stream on a thread of its own until it ends. `emit` takes each line and may wait, which pauses this stream
// and no other; `on_end` takes the ending, once, as the thread's last deed. cancel() and acknowledge() from any thread.
class LiveStream {
 public:
  using Emit = std::function<void(std::string line)>;
  using OnEnd = std::function<void(Ending ending)>;

  LiveStream(NewStream started, Emit emit, OnEnd on_end);
  ~LiveStream();  // waits for the thread: cancel() first, or let it end
  LiveStream(const LiveStream&) = delete;
  LiveStream& operator=(const LiveStream&) = delete;

  void cancel();
  // The client has taken so many chunks more.
  void acknowledge(uint64_t chunks);

 private:
  void run();
  void take(const TextDelta& delta);
  Ending end(const Finished& finished);
  Ending end(const Failed& failed) const;
  void send_chunk(const std::string& text, const TextDelta& delta, bool is_final);
  void wait_for_credit();

  NewStream started_;
  Emit emit_;
  OnEnd on_end_;
  uint64_t sent_ = 0;
  std::atomic<uint64_t> granted_;  // chunks that may be sent in all
  std::string text_;               // of a stream that is told at its end
  int32_t last_token_ = 0;
  std::thread thread_;  // last: it uses the others
};

}  // namespace mlxserving::api
