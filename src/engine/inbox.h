// What other threads ask of one model's loop.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "core/bounded_queue.h"
#include "core/doorbell.h"
#include "engine/active_request.h"

namespace mlxserving::engine {

// Cancellation and resumption are flags of the stream, read between steps.
struct Submit {
  std::unique_ptr<ActiveRequest> request;
};
struct Wake {};  // look at the flags
using Command = std::variant<Submit, Wake>;

constexpr size_t kInboxMax = 4096;

// A queue of commands whose reader serves several: what is put in rings its bell. Closing it ends the model: the loop
// then cancels what is left. Any thread writes, the engine thread reads.
class Inbox {
 public:
  explicit Inbox(std::shared_ptr<Doorbell> bell) : bell_(std::move(bell)) {}

  // False when full or closed; the command is then untouched.
  bool try_push(Command& command) {
    const bool pushed = commands_.try_push(command);
    if (pushed) bell_->ring();
    return pushed;
  }
  std::optional<Command> try_pop() { return commands_.try_pop(); }

  void close() {
    commands_.close();
    bell_->ring();
  }
  bool is_closed() const { return commands_.is_closed(); }
  size_t size() const { return commands_.size(); }
  const std::shared_ptr<Doorbell>& bell() const { return bell_; }  // of its reader

 private:
  BoundedQueue<Command> commands_{kInboxMax};
  std::shared_ptr<Doorbell> bell_;  // shared: a stream may outlive its engine's thread, and rings into the void
};

}  // namespace mlxserving::engine
