#include "scheduler/stream_registry.h"

namespace mlxserving::scheduler {
namespace {

struct Step {
  StreamRegistry::State state;
  StreamChange change;
};

struct See {
  StreamSign sign;

  Step operator()(const Flowing& state) const {
    switch (sign) {
      case StreamSign::has_room: return {state, StreamChange::none};
      case StreamSign::full: return {Paused{}, StreamChange::pause};
      case StreamSign::cancelled: return {Leaving{}, StreamChange::cancel};
    }
    return {state, StreamChange::none};
  }
  Step operator()(const Paused& state) const {
    switch (sign) {
      case StreamSign::has_room: return {Flowing{}, StreamChange::resume};
      case StreamSign::full: return {state, StreamChange::none};
      case StreamSign::cancelled: return {Leaving{}, StreamChange::cancel};
    }
    return {state, StreamChange::none};
  }
  Step operator()(const Leaving& state) const { return {state, StreamChange::none}; }
};

struct IsPaused {
  bool operator()(const Flowing&) const { return false; }
  bool operator()(const Paused&) const { return true; }
  bool operator()(const Leaving&) const { return false; }
};

}  // namespace

bool StreamRegistry::open(SequenceId id) { return transitions_.count(streams_.emplace(id, Flowing{}).second); }

StreamChange StreamRegistry::see(SequenceId id, StreamSign sign) {
  const auto stream = streams_.find(id);
  if (stream == streams_.end()) {
    transitions_.count(false);
    return StreamChange::none;
  }
  const bool was_paused = std::visit(IsPaused{}, stream->second);
  const Step step = std::visit(See{sign}, stream->second);
  if (step.change == StreamChange::none) return step.change;
  transitions_.count(true);
  stream->second = step.state;
  paused_ += std::visit(IsPaused{}, step.state) ? 1 : 0;
  paused_ -= was_paused ? 1 : 0;
  return step.change;
}

bool StreamRegistry::close(SequenceId id) {
  const auto stream = streams_.find(id);
  if (stream == streams_.end()) return transitions_.count(false);
  paused_ -= std::visit(IsPaused{}, stream->second) ? 1 : 0;
  streams_.erase(stream);
  return transitions_.count(true);
}

bool StreamRegistry::is_paused(SequenceId id) const {
  const auto stream = streams_.find(id);
  return stream != streams_.end() && std::visit(IsPaused{}, stream->second);
}

}  // namespace mlxserving::scheduler
