// A generation under way, told to the client: events in, notifications out.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "api/rpc_work.h"
#include "core/bounded_queue.h"
#include "core/doorbell.h"
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

// What a stream's events become. tell() belongs to one thread (StreamReader's), cancel() and acknowledge() to any.
class LiveStream {
 public:
  using Emit = std::function<void(std::string line)>;

  // `ring` is called whenever tell() may have more to say, on any thread; it must be quick.
  LiveStream(NewStream started, std::function<void()> ring);
  ~LiveStream();  // cancels
  LiveStream(const LiveStream&) = delete;
  LiveStream& operator=(const LiveStream&) = delete;

  const std::string& id() const { return started_.stream_id; }

  // Begins to ring.
  void listen();
  // Gives `emit` a line for each event that there is and that credit allows; the ending once there are no more.
  std::optional<Ending> tell(const Emit& emit);

  void cancel();
  // The client has taken so many chunks more.
  void acknowledge(uint64_t chunks);

 private:
  Ending end(const Finished& finished, const Emit& emit);
  Ending end(const Failed& failed) const;
  void send_chunk(const std::string& text, const TextDelta& delta, bool is_final, const Emit& emit);

  NewStream started_;
  std::function<void()> ring_;
  uint64_t sent_ = 0;
  std::atomic<uint64_t> granted_;  // chunks that may be sent in all
  std::optional<TextDelta> held_;  // waits for credit
  std::string text_;               // of a stream that is told at its end
  int32_t last_token_ = 0;
};

// The one thread that reads all streams: a step of the engine wakes it once, whatever the number of its tokens. An
// `emit` that waits pauses every stream; one without credit pauses its own alone.
class StreamReader {
 public:
  using OnEnd = std::function<void(const std::string& stream_id, Ending ending)>;

  // `streams_max`: that may be added and not yet be taken up.
  StreamReader(LiveStream::Emit emit, OnEnd on_end, size_t streams_max);
  ~StreamReader();  // forgets what has not ended
  StreamReader(const StreamReader&) = delete;
  StreamReader& operator=(const StreamReader&) = delete;

  std::function<void()> bell() {
    return [this] { bell_.ring(); };
  }
  void add(std::shared_ptr<LiveStream> stream);

 private:
  void run();

  LiveStream::Emit emit_;
  OnEnd on_end_;
  Doorbell bell_;
  BoundedQueue<std::shared_ptr<LiveStream>> added_;
  std::thread thread_;  // last: it uses the others
};

}  // namespace mlxserving::api
