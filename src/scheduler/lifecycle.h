// A sequence's life. Each state owns what only that state may have: a waiting one has no pages, so none can leak.
//
//              admit       finish_prompt  preempt     end
//   Queued     Prefilling  -              -           Ended
//   Prefilling -           Decoding       Preempted   Ended
//   Decoding   -           -              Preempted   Ended
//   Preempted  Prefilling  -              -           Ended
//   Ended      -           -              -           -
#pragma once

#include <cstdint>
#include <variant>

#include "scheduler/held_pages.h"

namespace mlxserving::scheduler {

struct Queued {};
struct Prefilling {
  Holding pages;
  int32_t position = 0;   // tokens already in the cache
  int64_t last_turn = 0;  // the step that last gave it rows, or admitted it
};
struct Decoding {
  Holding pages;
  int32_t position = 0;
  int64_t last_turn = 0;
};
struct Preempted {};
struct Ended {};

// A value of the engine thread. Each transition says whether the table has it; if not, nothing changes. Those that take
// pages away hand them to the caller, who tells the pools.
class Lifecycle {
 public:
  using State = std::variant<Queued, Prefilling, Decoding, Preempted, Ended>;

  Lifecycle() = default;
  // A fork of a sequence that decodes, with pages of its own account.
  static Lifecycle forked(Holding pages, int32_t position, int64_t step);

  bool admit(Holding pages, int32_t position, int64_t step);
  bool finish_prompt();
  bool preempt(Holding& pages);
  bool end(Holding& pages);  // `pages` stays empty where there were none

  bool is_waiting() const;  // Queued or Preempted
  bool is_prefilling() const { return std::holds_alternative<Prefilling>(state_); }
  int32_t position() const;   // 0 without pages
  int64_t last_turn() const;  // 0 unless prefilling
  Holding* pages();           // null without pages
  const Holding* pages() const { return const_cast<Lifecycle*>(this)->pages(); }
  void advance(int32_t tokens, int64_t step);  // of a state with pages

 private:
  State state_ = Queued{};
};

}  // namespace mlxserving::scheduler
