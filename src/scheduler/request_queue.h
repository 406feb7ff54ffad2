// Who waits, and in which order; how many may.
#pragma once

#include <cstdint>
#include <set>
#include <utility>
#include <variant>

#include "mlxserving/error.h"
#include "mlxserving/request.h"
#include "scheduler/plan.h"
#include "scheduler/transitions.h"

namespace mlxserving::scheduler {

// Where a sequence stands among all: the step it arrived in, later by kPrioritySteps for each class below high. The
// smaller goes first. So waiting raises everybody alike, and a low-priority request is passed only by those that arrive
// within so many steps after it: none starves. Ranks never change and sort once.
struct Rank {
  int64_t turn = 0;
  SequenceId id = 0;
  auto operator<=>(const Rank&) const = default;
};
constexpr int64_t kPrioritySteps = 256;
Rank rank_of(Priority priority, int64_t step, SequenceId id);

// Backpressure. Of `queue_max` places are taken:
//
//            all    3/4 or more   half or fewer
//   Open     Full   Pressed       -
//   Pressed  Full   -             Open
//   Full     -      Pressed       Open            (Pressed also below 3/4: it is full no more)
//
// Pressed refuses low priority, Full everything. The gap between going up and coming down keeps it from flapping.
struct Open {};
struct Pressed {};
struct Full {};

class RequestQueue {
 public:
  using State = std::variant<Open, Pressed, Full>;

  explicit RequestQueue(int32_t queue_max) : queue_max_(queue_max) {}

  // A new sequence. Error: resource_exhausted when the state refuses its priority.
  Result<void> push(Rank rank, Priority priority);
  // A preempted one comes back to its old place; never refused, for it was accepted before.
  void put_back(Rank rank);
  bool remove(Rank rank);

  const std::set<Rank>& ranks() const { return ranks_; }  // who goes next stands first
  const char* state_name() const;
  const Transitions& transitions() const { return transitions_; }

 private:
  void follow_length();

  int32_t queue_max_;
  std::set<Rank> ranks_;
  State state_ = Open{};
  Transitions transitions_;
};

}  // namespace mlxserving::scheduler
