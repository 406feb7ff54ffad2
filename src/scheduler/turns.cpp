#include "scheduler/turns.h"

#include <algorithm>

namespace mlxserving::scheduler {

Turns::Id Turns::next(std::span<const Id> ready) {
  ++round_;
  Id chosen = ready.front();
  double least = 0;
  for (const Id id : ready) {
    Taken& taken = taken_[id];
    if (taken.round + 1 != round_) taken.ms = std::max(taken.ms, floor_ms_);
    taken.round = round_;
    if (id == ready.front() || taken.ms < least) {
      chosen = id;
      least = taken.ms;
    }
  }
  floor_ms_ = least;
  return chosen;
}

}  // namespace mlxserving::scheduler
