#include "text/pre_tokenized.h"

#include <algorithm>

namespace mlxserving::text {
namespace {

bool is_continuation(char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; }

// Joins neighbours into the stretches that a behaviour wants; afterwards `is_match` means "drop it".
void merge_with_previous(std::vector<Match>& matches) {
  std::vector<Match> out;
  bool previous = false;
  for (const Match& m : matches) {
    if (m.is_match && !previous && !out.empty()) {
      out.back().end = m.end;
    } else {
      out.push_back({m.begin, m.end, false});
    }
    previous = m.is_match;
  }
  matches = std::move(out);
}

void merge_with_next(std::vector<Match>& matches) {
  std::vector<Match> out;
  bool previous = false;
  for (auto m = matches.rbegin(); m != matches.rend(); ++m) {
    if (m->is_match && !previous && !out.empty()) {
      out.back().begin = m->begin;
    } else {
      out.push_back({m->begin, m->end, false});
    }
    previous = m->is_match;
  }
  std::reverse(out.begin(), out.end());
  matches = std::move(out);
}

void make_contiguous(std::vector<Match>& matches) {
  std::vector<Match> out;
  bool previous = false;
  for (const Match& m : matches) {
    if (m.is_match == previous && !out.empty()) {
      out.back().end = m.end;
    } else {
      out.push_back({m.begin, m.end, false});
    }
    previous = m.is_match;
  }
  matches = std::move(out);
}

}  // namespace

PreTokenized::PreTokenized(std::string_view original, bool tracked) : text_(original), tracked_(tracked) {
  if (!original.empty()) pieces_.push_back({0, static_cast<uint32_t>(original.size()), 0, Piece::kNoToken});
}

Align PreTokenized::origin_of(uint32_t begin, uint32_t end) const {
  if (!unchanged_) return {align_[begin].begin, align_[end - 1].end};
  while (begin > 0 && is_continuation(text_[begin])) --begin;
  while (end < text_.size() && is_continuation(text_[end])) ++end;
  return {begin, end};
}

Piece PreTokenized::slice(uint32_t begin, uint32_t end) const {
  uint32_t origin = begin;
  if (!unchanged_) origin = tracked_ ? align_[begin].begin : 0;
  return {begin, end, origin, Piece::kNoToken};
}

void PreTokenized::append_split(const Piece& piece, std::vector<Match>& matches, SplitBehavior behavior, bool invert,
                                std::vector<Piece>& out) const {
  if (invert) {
    for (Match& m : matches) m.is_match = !m.is_match;
  }
  switch (behavior) {
    case SplitBehavior::Removed:
    case SplitBehavior::Isolated: break;
    case SplitBehavior::MergedWithPrevious: merge_with_previous(matches); break;
    case SplitBehavior::MergedWithNext: merge_with_next(matches); break;
    case SplitBehavior::Contiguous: make_contiguous(matches); break;
  }
  const bool drop_matches = behavior == SplitBehavior::Removed;
  for (const Match& m : matches) {
    if (m.begin == m.end || (drop_matches && m.is_match)) continue;
    out.push_back(slice(piece.begin + m.begin, piece.begin + m.end));
  }
}

AlignedText PreTokenized::take(const Piece& piece) const {
  if (unchanged_) return AlignedText::unchanged(text_of(piece), piece.begin, tracked_);
  std::vector<Align> align;
  if (tracked_) align.assign(align_.begin() + piece.begin, align_.begin() + piece.end);
  return {std::string(text_of(piece)), std::move(align), piece.origin, tracked_};
}

void PreTokenized::Copy::append(const Piece& piece, const AlignedText& rewritten) {
  const auto begin = static_cast<uint32_t>(text.size());
  text += rewritten.text();
  align.insert(align.end(), rewritten.align().begin(), rewritten.align().end());
  const auto end = static_cast<uint32_t>(text.size());
  const uint32_t origin = rewritten.align().empty() ? rewritten.origin() : rewritten.align().front().begin;
  if (begin != end || piece.is_token()) pieces.push_back({begin, end, origin, piece.token});
}

void PreTokenized::adopt(Copy copy) {
  owned_ = std::move(copy.text);
  text_ = owned_;
  align_ = std::move(copy.align);
  pieces_ = std::move(copy.pieces);
  unchanged_ = false;
}

}  // namespace mlxserving::text
