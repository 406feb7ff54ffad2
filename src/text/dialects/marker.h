// Finds the first of some marks in a text that comes a byte at a time, and holds back what may be the beginning of one.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mlxserving::text {

class MarkerSearch {
 public:
  explicit MarkerSearch(std::vector<std::string> marks) : marks_(std::move(marks)) {}

  // Takes a byte and gives the text that is sure to lie before any mark. When is_found(), that was the last of it.
  std::string take(char c) {
    held_ += c;
    std::string before;
    while (!held_.empty()) {
      bool may_be_mark = false;
      for (size_t i = 0; i < marks_.size(); ++i) {
        if (held_ == marks_[i]) {
          found_ = static_cast<int>(i);
          held_.clear();
          return before;
        }
        may_be_mark |= marks_[i].starts_with(held_);
      }
      if (may_be_mark) break;
      before += held_.front();
      held_.erase(0, 1);
    }
    return before;
  }

  bool is_found() const { return found_ >= 0; }
  const std::string& mark() const { return marks_[static_cast<size_t>(found_)]; }

  // What is held back, when no mark can complete it any more.
  std::string release() { return std::exchange(held_, {}); }

  void reset() {
    found_ = -1;
    held_.clear();
  }

 private:
  std::vector<std::string> marks_;
  std::string held_;
  int found_ = -1;
};

}  // namespace mlxserving::text
