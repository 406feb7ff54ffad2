#include "text/stop_matcher.h"

#include <algorithm>
#include <utility>

#include "core/result.h"
#include "core/utf8.h"
#include "mlxserving/request.h"

namespace mlxserving::text {

Result<StopMatcher> StopMatcher::create(std::span<const std::string> stops, const Options& options) {
  if (stops.size() > kStopStringsMax) {
    return fail(ErrorCode::invalid_request, "stop", "stop must have at most {} items, got {}", kStopStringsMax,
                stops.size());
  }
  StopMatcher matcher(options);
  for (size_t i = 0; i < stops.size(); ++i) {
    const std::string param = fmt::format("stop[{}]", i);
    if (stops[i].empty() || stops[i].size() > kStopBytesMax) {
      return fail(ErrorCode::invalid_request, param, "{} must have 1 to {} bytes, got {}", param, kStopBytesMax,
                  stops[i].size());
    }
    if (!utf8::is_valid(stops[i])) return fail(ErrorCode::invalid_request, param, "{} must be valid UTF-8", param);
    matcher.insert(stops[i], i);
  }
  matcher.link();
  return matcher;
}

uint32_t StopMatcher::child(uint32_t node, uint8_t byte) const {
  uint32_t c = nodes_[node].first_child;
  while (c != 0 && nodes_[c].byte != byte) c = nodes_[c].next_sibling;
  return c;
}

uint32_t StopMatcher::next(uint32_t node, uint8_t byte) const {
  for (;;) {
    const uint32_t c = child(node, byte);
    if (c != 0 || node == 0) return c;
    node = nodes_[node].fail;
  }
}

void StopMatcher::insert(std::string_view stop, size_t index) {
  uint32_t node = 0;
  for (const char c : stop) {
    const auto byte = static_cast<uint8_t>(c);
    uint32_t found = child(node, byte);
    if (found == 0) {
      found = static_cast<uint32_t>(nodes_.size());
      nodes_.push_back({.next_sibling = nodes_[node].first_child, .depth = nodes_[node].depth + 1, .byte = byte});
      nodes_[node].first_child = found;
    }
    node = found;
  }
  if (nodes_[node].stop >= 0) return;  // given twice: the first keeps its index
  nodes_[node].stop = static_cast<int32_t>(index);
  nodes_[node].stop_bytes = nodes_[node].depth;
}

// Breadth first: a fail link leads to a shallower node, which is final by then.
void StopMatcher::link() {
  std::vector<uint32_t> queue = {0};
  for (size_t i = 0; i < queue.size(); ++i) {
    const uint32_t parent = queue[i];
    for (uint32_t c = nodes_[parent].first_child; c != 0; c = nodes_[c].next_sibling) {
      Node& node = nodes_[c];
      if (parent != 0) node.fail = next(nodes_[parent].fail, node.byte);
      if (node.stop < 0) {
        node.stop = nodes_[node.fail].stop;
        node.stop_bytes = nodes_[node.fail].stop_bytes;
      }
      queue.push_back(c);
    }
  }
}

// The stop ends after `end` of the held bytes.
StopMatcher::Step StopMatcher::finish(size_t end) {
  stopped_ = true;
  stop_index_ = static_cast<size_t>(nodes_[state_].stop);
  out_.assign(held_, 0, end - (options_.include_stop ? 0 : nodes_[state_].stop_bytes));
  held_.clear();
  return {out_, true, stop_index_};
}

StopMatcher::Step StopMatcher::feed(std::string_view bytes) {
  if (stopped_) return {{}, true, stop_index_};
  const size_t matched = held_.size();
  held_.append(bytes);
  for (size_t i = matched; i < held_.size(); ++i) {
    state_ = next(state_, static_cast<uint8_t>(held_[i]));
    if (nodes_[state_].stop >= 0) return finish(i + 1);
  }
  // A stop begins with a whole code point, so holding back its bytes cuts none; only the very end can be unfinished.
  const size_t held = std::max<size_t>(nodes_[state_].depth, utf8::incomplete_tail(held_));
  out_.assign(held_, 0, held_.size() - held);
  held_.erase(0, out_.size());
  return {out_};
}

std::string StopMatcher::flush() {
  state_ = 0;
  stopped_ = false;
  return std::exchange(held_, {});
}

}  // namespace mlxserving::text
