// Whose step is next when several models share a machine. No threads, no clock: durations come in.
#pragma once

#include <cstdint>
#include <map>
#include <span>

namespace mlxserving::scheduler {

// Gives the turn to who has had the least time, so that a model of slow steps and one of quick ones get equal shares.
// Who was idle earns no credit for it. After Linux's completely fair scheduler.
class Turns {
 public:
  using Id = uint64_t;

  // `ready`: who has work now, not empty. The one to run.
  Id next(std::span<const Id> ready);

  // It ran.
  void charge(Id id, double ms) { taken_[id].ms += ms; }
  void remove(Id id) { taken_.erase(id); }

 private:
  struct Taken {
    double ms = 0;
    uint64_t round = 0;  // when it was last ready
  };

  std::map<Id, Taken> taken_;
  double floor_ms_ = 0;  // of who ran last, before it ran
  uint64_t round_ = 0;
};

}  // namespace mlxserving::scheduler
