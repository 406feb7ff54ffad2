#include "scheduler/request_queue.h"

#include <optional>

#include "core/result.h"

namespace mlxserving::scheduler {
namespace {

using Next = std::optional<RequestQueue::State>;

struct FollowLength {
  int32_t length;
  int32_t max;
  bool is_full() const { return length >= max; }
  bool is_pressed() const { return int64_t{length} * 4 >= int64_t{max} * 3; }
  bool is_relaxed() const { return int64_t{length} * 2 <= max; }

  Next operator()(const Open&) const {
    if (is_full()) return Full{};
    if (is_pressed()) return Pressed{};
    return {};
  }
  Next operator()(const Pressed&) const {
    if (is_full()) return Full{};
    if (is_relaxed()) return Open{};
    return {};
  }
  Next operator()(const Full&) const {
    if (is_full()) return {};
    if (is_relaxed()) return Open{};
    return Pressed{};
  }
};

struct Refuses {
  Priority priority;
  bool operator()(const Open&) const { return false; }
  bool operator()(const Pressed&) const { return priority == Priority::low; }
  bool operator()(const Full&) const { return true; }
};

struct Name {
  const char* operator()(const Open&) const { return "open"; }
  const char* operator()(const Pressed&) const { return "pressed"; }
  const char* operator()(const Full&) const { return "full"; }
};

int64_t classes_below_high(Priority priority) {
  switch (priority) {
    case Priority::high: return 0;
    case Priority::normal: return 1;
    case Priority::low: return 2;
  }
  return 2;
}

}  // namespace

Rank rank_of(Priority priority, int64_t step, SequenceId id) {
  return {step + kPrioritySteps * classes_below_high(priority), id};
}

Result<void> RequestQueue::push(Rank rank, Priority priority) {
  if (std::visit(Refuses{priority}, state_)) {
    return fail(ErrorCode::resource_exhausted, priority == Priority::low ? "priority" : "",
                "the queue holds {} of at most {} requests and takes no more{}; try again later", ranks_.size(),
                queue_max_, priority == Priority::low ? " of low priority" : "");
  }
  put_back(rank);
  return {};
}

void RequestQueue::put_back(Rank rank) {
  ranks_.insert(rank);
  follow_length();
}

bool RequestQueue::remove(Rank rank) {
  const bool was_there = ranks_.erase(rank) > 0;
  follow_length();
  return was_there;
}

const char* RequestQueue::state_name() const { return std::visit(Name{}, state_); }

void RequestQueue::follow_length() {
  const Next next = std::visit(FollowLength{static_cast<int32_t>(ranks_.size()), queue_max_}, state_);
  if (!next) return;
  state_ = *next;
  transitions_.count(true);
}

}  // namespace mlxserving::scheduler
