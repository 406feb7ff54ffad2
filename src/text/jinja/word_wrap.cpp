#include "text/jinja/word_wrap.h"

#include <algorithm>
#include <string>

#include "text/jinja/characters.h"
#include "text/jinja/fault.h"

namespace mlxserving::text::jinja {
namespace {

// Only these part words in textwrap, not all white space of Unicode.
bool is_gap(char32_t c) { return (c >= 0x09 && c <= 0x0D) || c == ' '; }
bool is_letter(char32_t c) { return is_word(c) && !is_decimal(c) && c != '_'; }
bool is_word_mark(char32_t c) {
  return is_word(c) || (c < 0x80 && c != 0 && std::string("!\"'&.,?").find(static_cast<char>(c)) != std::string::npos);
}

// A paragraph as code points with the byte offset of each, and of the end.
struct Letters {
  std::u32string code_points;
  std::vector<size_t> offsets;

  explicit Letters(const Text& text) {
    for (CodePoints at(text.bytes); at; at.advance()) {
      code_points.push_back(*at);
      offsets.push_back(at.offset());
    }
    offsets.push_back(text.bytes.size());
  }
  size_t size() const { return code_points.size(); }
  char32_t at(size_t i) const { return i < size() ? code_points[i] : 0; }
};

struct Chunk {
  size_t begin;
  size_t end;
  size_t length() const { return end - begin; }
};

size_t dashes_from(const Letters& text, size_t at) {
  size_t end = at;
  while (text.at(end) == '-') ++end;
  return end - at;
}

// Whether a word may end after the hyphen before `at`: two letters, or letter-hyphen-letter, stand before it.
bool ends_at_hyphen(const Letters& text, size_t begin, size_t at) {
  if (at - begin < 1 || text.at(at - 1) != '-') return false;
  const auto before = [&](size_t back) { return at >= back ? text.at(at - back) : 0; };
  const bool two_letters = is_letter(before(2)) && is_letter(before(3));
  const bool letter_hyphen_letter = is_letter(before(2)) && before(3) == '-' && is_letter(before(4));
  if (!two_letters && !letter_hyphen_letter) return false;
  if (!is_letter(text.at(at))) return false;
  const size_t next = text.at(at + 1) == '-' ? at + 2 : at + 1;
  return is_letter(text.at(next));
}

size_t end_of_word(const Letters& text, size_t begin, bool break_on_hyphens) {
  for (size_t at = begin + 1;; ++at) {
    if (at >= text.size() || is_gap(text.at(at))) return at;
    if (!break_on_hyphens) continue;
    // The hyphen comes after at least one other character.
    if (at - begin >= 2 && ends_at_hyphen(text, begin, at)) return at;
    const bool em_dash = dashes_from(text, at) >= 2 && is_word(text.at(at + dashes_from(text, at)));
    if (em_dash && is_word_mark(text.at(at - 1))) return at;
  }
}

std::vector<Chunk> chunks_of(const Letters& text, bool break_on_hyphens) {
  std::vector<Chunk> chunks;
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    if (is_gap(text.at(at))) {
      while (is_gap(text.at(end)) && end < text.size()) ++end;
    } else {
      const size_t dashes = break_on_hyphens ? dashes_from(text, at) : 0;
      const bool em_dash = dashes >= 2 && at > 0 && is_word_mark(text.at(at - 1)) && is_word(text.at(at + dashes));
      end = em_dash ? at + dashes : end_of_word(text, at, break_on_hyphens);
    }
    chunks.push_back({at, end});
    at = end;
  }
  return chunks;
}

bool is_blank(const Letters& text, const Chunk& chunk) {
  for (size_t i = chunk.begin; i < chunk.end; ++i) {
    if (!is_space(text.at(i))) return false;
  }
  return true;
}

// Where a chunk too long for the line is cut: after a hyphen where there is one.
size_t cut_of(const Letters& text, const Chunk& chunk, size_t space, bool break_on_hyphens) {
  if (!break_on_hyphens || chunk.length() <= space) return space;
  for (size_t hyphen = space; hyphen-- > 1;) {
    if (text.at(chunk.begin + hyphen) != '-') continue;
    for (size_t i = 0; i < hyphen; ++i) {
      if (text.at(chunk.begin + i) != '-') return hyphen + 1;
    }
    break;
  }
  return space;
}

}  // namespace

std::vector<TextPtr> wrap_words(Rendering& rendering, const TextPtr& paragraph, const Wrapping& wrapping) {
  if (wrapping.width <= 0) raise(FaultKind::value_error, "invalid width {} (must be > 0)", wrapping.width);
  const auto width = static_cast<size_t>(wrapping.width);
  const Letters text(*paragraph);
  rendering.charge_items(text.size());
  std::vector<Chunk> chunks = chunks_of(text, wrapping.break_on_hyphens);
  std::reverse(chunks.begin(), chunks.end());
  std::vector<TextPtr> lines;
  while (!chunks.empty()) {
    rendering.step();
    if (!lines.empty() && is_blank(text, chunks.back())) chunks.pop_back();
    std::vector<Chunk> line;
    size_t length = 0;
    while (!chunks.empty() && length + chunks.back().length() <= width) {
      length += chunks.back().length();
      line.push_back(chunks.back());
      chunks.pop_back();
    }
    if (!chunks.empty() && chunks.back().length() > width) {
      Chunk& longest = chunks.back();
      const size_t space = width < 1 ? 1 : width - length;
      if (wrapping.break_long_words) {
        const size_t cut = cut_of(text, longest, space, wrapping.break_on_hyphens);
        line.push_back({longest.begin, longest.begin + cut});
        longest.begin += cut;
      } else if (line.empty()) {
        line.push_back(longest);
        chunks.pop_back();
      }
    }
    if (!line.empty() && is_blank(text, line.back())) line.pop_back();
    if (!line.empty()) {
      lines.push_back(slice_text(paragraph, text.offsets[line.front().begin], text.offsets[line.back().end]));
    }
  }
  return lines;
}

}  // namespace mlxserving::text::jinja
