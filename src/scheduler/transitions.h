// How often the state machines of this folder changed state, and how often they were asked for what their table does
// not have.
#pragma once

#include <cstdint>

namespace mlxserving::scheduler {

struct Transitions {
  uint64_t made = 0;
  uint64_t refused = 0;  // a fault of ours: the state stayed as it was

  // Counts one; gives back whether it was made.
  bool count(bool was_made) {
    ++(was_made ? made : refused);
    return was_made;
  }
  Transitions& operator+=(const Transitions& other) {
    made += other.made;
    refused += other.refused;
    return *this;
  }
};

}  // namespace mlxserving::scheduler
