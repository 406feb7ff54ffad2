#include "grammar/machine.h"

#include <algorithm>

namespace mlxserving::grammar {

CaptureId Workspace::capture(CaptureId to, uint8_t byte) {
  captures_.push_back({.before = to, .opened = captures_[to].opened, .byte = byte});
  return static_cast<CaptureId>(captures_.size() - 1);
}

CaptureId Workspace::open_capture(CaptureId outer) {
  const auto id = static_cast<CaptureId>(captures_.size());
  captures_.push_back({.before = outer, .opened = id, .byte = kOpen});
  return id;
}

CaptureId Workspace::close_capture(CaptureId capture, std::string& bytes) {
  const CaptureId open = captures_[capture].opened;
  bytes.clear();
  for (CaptureId at = capture; at != open; at = captures_[at].before) {
    if (captures_[at].byte != kOpen) bytes += static_cast<char>(captures_[at].byte);
  }
  std::ranges::reverse(bytes);
  const CaptureId outer = captures_[open].before;
  if (outer == 0) return 0;
  CaptureId result = outer;  // whoever captures around sees the inner bytes too
  for (const char c : bytes) result = this->capture(result, static_cast<uint8_t>(c));
  return result;
}

}  // namespace mlxserving::grammar
