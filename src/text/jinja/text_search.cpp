#include "text/jinja/text_search.h"

#include <algorithm>

#include "text/jinja/characters.h"
#include "text/jinja/fault.h"

namespace mlxserving::text::jinja {
namespace {

bool is_stripped(char32_t c, const std::u32string* chars) {
  return chars == nullptr ? is_space(c) : chars->find(c) != std::u32string::npos;
}

size_t start_of_last(std::string_view utf8, size_t end) {
  size_t start = end - 1;
  while (start > 0 && (static_cast<unsigned char>(utf8[start]) & 0xC0) == 0x80) --start;
  return start;
}

Value piece(const TextPtr& text, size_t begin, size_t end) { return Value::string(slice_text(text, begin, end)); }

bool may_split(const std::vector<Value>& parts, int64_t splits_max) {
  return splits_max < 0 || static_cast<int64_t>(parts.size()) < splits_max;
}

std::vector<Value> split_spaces_from_left(const TextPtr& text, int64_t splits_max) {
  std::vector<Value> parts;
  CodePoints at(text->bytes);
  const auto skip = [&at](bool spaces) {
    while (at && is_space(*at) == spaces) at.advance();
  };
  for (skip(true); at; skip(true)) {
    const size_t begin = at.offset();
    if (!may_split(parts, splits_max)) {
      parts.push_back(piece(text, begin, text->bytes.size()));
      break;
    }
    skip(false);
    parts.push_back(piece(text, begin, at.offset()));
  }
  return parts;
}

std::vector<Value> split_spaces_from_right(const TextPtr& text, int64_t splits_max) {
  std::vector<Value> parts;
  const std::string_view all = text->view();
  size_t end = all.size();
  const auto skip = [&](bool spaces) {
    while (end > 0 && is_space(last_code_point(all.substr(0, end))) == spaces) end = start_of_last(all, end);
  };
  for (skip(true); end > 0; skip(true)) {
    const size_t stop = end;
    if (!may_split(parts, splits_max)) {
      parts.push_back(piece(text, 0, stop));
      break;
    }
    skip(false);
    parts.push_back(piece(text, end, stop));
  }
  std::reverse(parts.begin(), parts.end());
  return parts;
}

}  // namespace

TextPtr strip(const TextPtr& text, StripSides sides, const Text* chars) {
  std::u32string wanted;
  if (chars != nullptr) {
    for (CodePoints at(chars->bytes); at; at.advance()) wanted.push_back(*at);
    std::sort(wanted.begin(), wanted.end());
    wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  }
  const std::u32string* const set = chars != nullptr ? &wanted : nullptr;
  size_t begin = 0;
  size_t end = text->bytes.size();
  if (sides != StripSides::right) {
    CodePoints at(text->bytes);
    while (at && is_stripped(*at, set)) at.advance();
    begin = at.offset();
  }
  if (sides != StripSides::left) {
    const std::string_view all = text->view();
    while (end > begin && is_stripped(last_code_point(all.substr(0, end)), set)) end = start_of_last(all, end);
  }
  return slice_text(text, begin, end);
}

std::vector<Value> split_at(Rendering& rendering, const TextPtr& text, std::string_view separator, int64_t splits_max,
                            bool from_right) {
  std::vector<Value> parts;
  const std::string_view all = text->view();
  if (!from_right) {
    size_t begin = 0;
    for (size_t at = 0; may_split(parts, splits_max) && (at = all.find(separator, begin)) != std::string_view::npos;) {
      rendering.step();
      parts.push_back(piece(text, begin, at));
      rendering.check_items(parts.size());
      begin = at + separator.size();
    }
    parts.push_back(piece(text, begin, all.size()));
    return parts;
  }
  size_t end = all.size();
  while (may_split(parts, splits_max)) {
    const size_t at = all.substr(0, end).rfind(separator);
    if (at == std::string_view::npos) break;
    rendering.step();
    parts.push_back(piece(text, at + separator.size(), end));
    rendering.check_items(parts.size());
    end = at;
  }
  parts.push_back(piece(text, 0, end));
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<Value> split_at_spaces(const TextPtr& text, int64_t splits_max, bool from_right) {
  return from_right ? split_spaces_from_right(text, splits_max) : split_spaces_from_left(text, splits_max);
}

std::vector<Value> split_lines(const TextPtr& text, bool keeps_ends) {
  std::vector<Value> lines;
  size_t begin = 0;
  for (CodePoints at(text->bytes); at; at.advance()) {
    if (!is_line_break(*at)) continue;
    const size_t stop = at.offset();
    if (*at == '\r' && at.end() < text->bytes.size() && text->bytes[at.end()] == '\n') at.advance();
    lines.push_back(piece(text, begin, keeps_ends ? at.end() : stop));
    begin = at.end();
  }
  if (begin < text->bytes.size()) lines.push_back(piece(text, begin, text->bytes.size()));
  return lines;
}

TextPtr replace(Rendering& rendering, const Text& text, std::string_view old, const Text& fresh, int64_t count) {
  TextBuilder out = rendering.text_builder();
  const std::string_view all = text.view();
  size_t begin = 0;
  if (old.empty()) {  // between all characters
    for (CodePoints at(all); at && count != 0; at.advance(), --count) {
      out.append(fresh);
      out.append_slice(text, at.offset(), at.end());
      begin = at.end();
    }
    if (count != 0 && begin == all.size()) out.append(fresh);
  } else {
    for (size_t at = 0; count != 0 && (at = all.find(old, begin)) != std::string_view::npos; --count) {
      out.append_slice(text, begin, at);
      out.append(fresh);
      begin = at + old.size();
    }
  }
  out.append_slice(text, begin, all.size());
  rendering.charge_bytes(all.size() + out.size());
  return out.take(text.markup);
}

TextPtr pad_text(Rendering& rendering, const TextPtr& text, int64_t width, const Text& fill, Padding padding) {
  const auto length = static_cast<int64_t>(text->code_points);
  if (width <= length) return text;
  const int64_t missing = width - length;
  if (missing > static_cast<int64_t>(rendering.limits().string_bytes_max)) {
    raise(FaultKind::limit, "a string must be at most {} bytes", rendering.limits().string_bytes_max);
  }
  int64_t left = 0;
  if (padding == Padding::left) left = missing;
  if (padding == Padding::both) left = missing / 2 + (missing & width & 1);  // as CPython rounds
  TextBuilder out = rendering.text_builder();
  for (int64_t i = 0; i < left; ++i) out.append(fill);
  out.append(*text);
  for (int64_t i = left; i < missing; ++i) out.append(fill);
  rendering.charge_bytes(out.size());
  return out.take(text->markup);
}

}  // namespace mlxserving::text::jinja
