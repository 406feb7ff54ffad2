#include "net/line_splitter.h"

namespace mlxserving::net {
namespace {

std::string_view without_cr(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

}  // namespace

void LineSplitter::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    const bool is_whole = held_.empty() && overlong_bytes_ == 0 && end != std::string_view::npos && part.size() <= max_;
    if (is_whole) {  // the usual case, without a copy
      if (!is_blank(part)) receiver_.on_line(without_cr(part));
    } else {
      take_part(part);
      if (end != std::string_view::npos) end_line();
    }
    if (end == std::string_view::npos) return;
    bytes.remove_prefix(end + 1);
  }
}

void LineSplitter::finish() {
  if (!held_.empty() || overlong_bytes_ > 0) end_line();
}

void LineSplitter::take_part(std::string_view part) {
  if (overlong_bytes_ == 0 && held_.size() + part.size() <= max_) {
    held_ += part;
    return;
  }
  if (overlong_bytes_ == 0 && !held_.empty()) {
    receiver_.on_overlong_part(held_);
    overlong_bytes_ = held_.size();
    std::string().swap(held_);
  }
  receiver_.on_overlong_part(part);
  overlong_bytes_ += part.size();
}

void LineSplitter::end_line() {
  if (overlong_bytes_ > 0) {
    receiver_.on_overlong_end(overlong_bytes_);
    overlong_bytes_ = 0;
    return;
  }
  const std::string line = std::move(held_);
  held_.clear();
  if (!is_blank(line)) receiver_.on_line(without_cr(line));
}

}  // namespace mlxserving::net
