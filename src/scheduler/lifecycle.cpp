#include "scheduler/lifecycle.h"

#include <optional>
#include <utility>

#include "core/check.h"

namespace mlxserving::scheduler {
namespace {

using State = Lifecycle::State;
using Next = std::optional<State>;  // nothing: the table has no such transition

struct Admit {
  Prefilling& prefilling;
  Next operator()(Queued&) const { return std::move(prefilling); }
  Next operator()(Prefilling&) const { return {}; }
  Next operator()(Decoding&) const { return {}; }
  Next operator()(Preempted&) const { return std::move(prefilling); }
  Next operator()(Ended&) const { return {}; }
};

struct FinishPrompt {
  Next operator()(Queued&) const { return {}; }
  Next operator()(Prefilling& from) const { return Decoding{std::move(from.pages), from.position, from.last_turn}; }
  Next operator()(Decoding&) const { return {}; }
  Next operator()(Preempted&) const { return {}; }
  Next operator()(Ended&) const { return {}; }
};

struct Preempt {
  Holding& pages;
  Next operator()(Queued&) const { return {}; }
  Next operator()(Prefilling& from) const { return give_up(from.pages); }
  Next operator()(Decoding& from) const { return give_up(from.pages); }
  Next operator()(Preempted&) const { return {}; }
  Next operator()(Ended&) const { return {}; }
  Next give_up(Holding& from) const {
    pages = std::move(from);
    return Preempted{};
  }
};

struct End {
  Holding& pages;
  Next operator()(Queued&) const { return Ended{}; }
  Next operator()(Prefilling& from) const { return give_up(from.pages); }
  Next operator()(Decoding& from) const { return give_up(from.pages); }
  Next operator()(Preempted&) const { return Ended{}; }
  Next operator()(Ended&) const { return {}; }
  Next give_up(Holding& from) const {
    pages = std::move(from);
    return Ended{};
  }
};

struct IsWaiting {
  bool operator()(const Queued&) const { return true; }
  bool operator()(const Prefilling&) const { return false; }
  bool operator()(const Decoding&) const { return false; }
  bool operator()(const Preempted&) const { return true; }
  bool operator()(const Ended&) const { return false; }
};

struct Position {
  int32_t operator()(const Queued&) const { return 0; }
  int32_t operator()(const Prefilling& state) const { return state.position; }
  int32_t operator()(const Decoding& state) const { return state.position; }
  int32_t operator()(const Preempted&) const { return 0; }
  int32_t operator()(const Ended&) const { return 0; }
};

struct LastTurn {
  int64_t operator()(const Queued&) const { return 0; }
  int64_t operator()(const Prefilling& state) const { return state.last_turn; }
  int64_t operator()(const Decoding& state) const { return state.last_turn; }
  int64_t operator()(const Preempted&) const { return 0; }
  int64_t operator()(const Ended&) const { return 0; }
};

struct Pages {
  Holding* operator()(Queued&) const { return nullptr; }
  Holding* operator()(Prefilling& state) const { return &state.pages; }
  Holding* operator()(Decoding& state) const { return &state.pages; }
  Holding* operator()(Preempted&) const { return nullptr; }
  Holding* operator()(Ended&) const { return nullptr; }
};

struct Advance {
  int32_t tokens;
  int64_t step;
  bool operator()(Queued&) const { return false; }
  bool operator()(Prefilling& state) const {
    state.position += tokens;
    state.last_turn = step;
    return true;
  }
  bool operator()(Decoding& state) const {
    state.position += tokens;
    state.last_turn = step;
    return true;
  }
  bool operator()(Preempted&) const { return false; }
  bool operator()(Ended&) const { return false; }
};

bool move_on(State& state, Next next) {
  if (!next) return false;
  state = std::move(*next);
  return true;
}

}  // namespace

Lifecycle Lifecycle::forked(Holding pages, int32_t position, int64_t step) {
  Lifecycle life;
  life.state_ = Decoding{std::move(pages), position, step};
  return life;
}

bool Lifecycle::admit(Holding pages, int32_t position, int64_t step) {
  Prefilling prefilling{std::move(pages), position, step};
  return move_on(state_, std::visit(Admit{prefilling}, state_));
}

bool Lifecycle::finish_prompt() { return move_on(state_, std::visit(FinishPrompt{}, state_)); }
bool Lifecycle::preempt(Holding& pages) { return move_on(state_, std::visit(Preempt{pages}, state_)); }
bool Lifecycle::end(Holding& pages) { return move_on(state_, std::visit(End{pages}, state_)); }

bool Lifecycle::is_waiting() const { return std::visit(IsWaiting{}, state_); }
int32_t Lifecycle::position() const { return std::visit(Position{}, state_); }
Holding* Lifecycle::pages() { return std::visit(Pages{}, state_); }

int64_t Lifecycle::last_turn() const { return std::visit(LastTurn{}, state_); }

void Lifecycle::advance(int32_t tokens, int64_t step) {
  check(std::visit(Advance{tokens, step}, state_), "only a sequence with pages advances");
}

}  // namespace mlxserving::scheduler
