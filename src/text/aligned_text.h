// A text under rewriting that remembers which part of the original each of its bytes came from.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/utf8.h"
#include "text/unicode_normalize.h"

namespace mlxserving::text {

// Bytes [begin, end) of the original text.
struct Align {
  uint32_t begin;
  uint32_t end;
};

// What a pattern cut a text into: ordered, contiguous, covering.
struct Match {
  uint32_t begin;
  uint32_t end;
  bool is_match;
};

using unicode::Change;

// Calls `visit` with each code point of valid UTF-8.
template <typename Visit>
void each_code_point(std::string_view text, const Visit& visit) {
  while (!text.empty()) {
    const utf8::Decoded d = utf8::decode(text);
    visit(d.code_point);
    text.remove_prefix(d.bytes);
  }
}

// `align` has one entry a byte of `text` when `tracked`, and is empty otherwise: following costs more than rewriting,
// and only offsets need it. `origin` is where the stretch begins in the original text.
class AlignedText {
 public:
  // Valid UTF-8 that stands unchanged at `origin` of the original.
  static AlignedText unchanged(std::string_view text, uint32_t origin, bool tracked);

  AlignedText(std::string text, std::vector<Align> align, uint32_t origin, bool tracked)
      : text_(std::move(text)), align_(std::move(align)), origin_(origin), tracked_(tracked) {}

  const std::string& text() const { return text_; }
  const std::vector<Align>& align() const { return align_; }
  uint32_t origin() const { return origin_; }

  // Replaces the whole text. `removed` characters of the old one are dropped at the start.
  void transform(std::span<const Change> changes, size_t removed = 0);

  // Puts `prefix` before the first character; nothing when there is none.
  void prepend(std::string_view prefix);

  // Puts `content` in the place of each match.
  void replace(std::span<const Match> matches, std::string_view content);

  // Puts `to` in the place of each `from`, which is not empty.
  void replace(std::string_view from, std::string_view to);

  // Keeps the characters for which `keep` says so.
  template <typename Keep>
  void filter(const Keep& keep) {
    std::vector<Change> changes;
    size_t removed_at_start = 0;
    each_char([&](char32_t c) {
      if (keep(c)) {
        changes.push_back({c, 0});
      } else if (changes.empty()) {
        ++removed_at_start;
      } else {
        --changes.back().change;
      }
    });
    transform(changes, removed_at_start);
  }

  // Replaces each character by one other.
  template <typename To>
  void map(const To& to) {
    std::vector<Change> changes;
    each_char([&](char32_t c) { changes.push_back({to(c), 0}); });
    transform(changes);
  }

  // Drops white space at the ends.
  void strip(bool left, bool right);

  template <typename Visit>
  void each_char(const Visit& visit) const {
    each_code_point(text_, visit);
  }

 private:
  std::string text_;
  std::vector<Align> align_;
  uint32_t origin_;
  bool tracked_;
};

}  // namespace mlxserving::text
