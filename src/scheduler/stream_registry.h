// The readers of the running requests: who flows, who is slow, who is gone.
//
//             has_room   full      cancelled   closed
//   Flowing   -          Paused    Leaving     gone
//   Paused    Flowing    -         Leaving     gone
//   Leaving   -          -         -           gone
//
// A stream that leaves takes no more part: its request is to be cancelled, once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <variant>

#include "scheduler/plan.h"
#include "scheduler/transitions.h"

namespace mlxserving::scheduler {

struct Flowing {};
struct Paused {};
struct Leaving {};

// What is seen of a stream between two steps.
enum class StreamSign : uint8_t { has_room, full, cancelled };
// What follows for its request.
enum class StreamChange : uint8_t { none, pause, resume, cancel };

class StreamRegistry {
 public:
  using State = std::variant<Flowing, Paused, Leaving>;

  bool open(SequenceId id);  // false if it is open already
  StreamChange see(SequenceId id, StreamSign sign);
  bool close(SequenceId id);  // false if it is not open

  bool is_paused(SequenceId id) const;
  size_t open_count() const { return streams_.size(); }
  size_t paused_count() const { return paused_; }
  const Transitions& transitions() const { return transitions_; }

 private:
  std::map<SequenceId, State> streams_;
  size_t paused_ = 0;
  Transitions transitions_;
};

}  // namespace mlxserving::scheduler
