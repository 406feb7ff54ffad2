#include "text/aligned_text.h"

#include <algorithm>

#include "core/utf8.h"
#include "text/unicode.h"

namespace mlxserving::text {
namespace {

size_t char_bytes(std::string_view text, size_t at) {
  const auto lead = static_cast<uint8_t>(text[at]);
  return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

// Walks over `count` characters, or to the end.
size_t skip_chars(std::string_view text, size_t at, size_t count) {
  while (count-- > 0 && at < text.size()) at += char_bytes(text, at);
  return at;
}

}  // namespace

AlignedText AlignedText::unchanged(std::string_view text, uint32_t origin, bool tracked) {
  std::vector<Align> align;
  if (tracked) {
    align.reserve(text.size());
    for (size_t at = 0; at < text.size();) {
      const size_t bytes = char_bytes(text, at);
      const auto begin = static_cast<uint32_t>(origin + at);
      align.insert(align.end(), bytes, {begin, static_cast<uint32_t>(begin + bytes)});
      at += bytes;
    }
  }
  return {std::string(text), std::move(align), origin, tracked};
}

void AlignedText::transform(std::span<const Change> changes, size_t removed) {
  std::string text;
  std::vector<Align> align;
  text.reserve(text_.size());
  if (tracked_) align.reserve(text_.size());
  size_t at = skip_chars(text_, 0, removed);
  for (const Change& c : changes) {
    // What is inserted shares the place of what stands before it.
    Align place = {origin_, origin_};
    if (tracked_) {
      if (c.change > 0 && at > 0) place = align_[at - 1];
      if (c.change <= 0 && at < align_.size()) place = align_[at];
    }
    if (c.change <= 0) at = skip_chars(text_, at, 1 + static_cast<size_t>(-c.change));
    const size_t before = text.size();
    utf8::append(text, c.code_point);
    if (tracked_) align.insert(align.end(), text.size() - before, place);
  }
  text_ = std::move(text);
  align_ = std::move(align);
}

void AlignedText::prepend(std::string_view prefix) {
  if (text_.empty()) return;
  text_.insert(0, prefix);
  if (tracked_) align_.insert(align_.begin(), prefix.size(), align_.front());
}

void AlignedText::replace(std::span<const Match> matches, std::string_view content) {
  std::string text;
  std::vector<Align> align;
  text.reserve(text_.size() + text_.size() / 4);
  for (const Match& m : matches) {
    if (!m.is_match) {
      text.append(text_, m.begin, m.end - m.begin);
      if (tracked_) align.insert(align.end(), align_.begin() + m.begin, align_.begin() + m.end);
      continue;
    }
    text.append(content);
    if (tracked_) align.insert(align.end(), content.size(), m.end > 0 ? align_[m.end - 1] : Align{origin_, origin_});
  }
  text_ = std::move(text);
  align_ = std::move(align);
}

void AlignedText::replace(std::string_view from, std::string_view to) {
  std::string text;
  std::vector<Align> align;
  text.reserve(text_.size() + text_.size() / 2);
  size_t gap = 0;
  for (size_t at = text_.find(from); at != std::string::npos; at = text_.find(from, gap)) {
    text.append(text_, gap, at - gap).append(to);
    if (tracked_) {
      const auto begin = align_.begin() + static_cast<std::ptrdiff_t>(gap);
      align.insert(align.end(), begin, align_.begin() + static_cast<std::ptrdiff_t>(at));
      align.insert(align.end(), to.size(), align_[at + from.size() - 1]);
    }
    gap = at + from.size();
  }
  text.append(text_, gap);
  if (tracked_) align.insert(align.end(), align_.begin() + static_cast<std::ptrdiff_t>(gap), align_.end());
  text_ = std::move(text);
  align_ = std::move(align);
}

void AlignedText::strip(bool left, bool right) {
  size_t begin = 0;
  size_t end = text_.size();
  while (left && begin < end) {
    const utf8::Decoded d = utf8::decode(std::string_view(text_).substr(begin));
    if (!unicode::is_space(d.code_point)) break;
    begin += d.bytes;
  }
  while (right && end > begin) {
    size_t start = end - 1;
    while ((static_cast<uint8_t>(text_[start]) & 0xC0) == 0x80) --start;
    if (!unicode::is_space(utf8::decode(std::string_view(text_).substr(start)).code_point)) break;
    end = start;
  }
  text_ = text_.substr(begin, end - begin);
  if (tracked_)
    align_ = {align_.begin() + static_cast<std::ptrdiff_t>(begin), align_.begin() + static_cast<std::ptrdiff_t>(end)};
}

}  // namespace mlxserving::text
