#include "text/jinja/text.h"

#include <algorithm>

#include "core/utf8.h"
#include "text/jinja/fault.h"

namespace mlxserving::text::jinja {

size_t count_code_points(std::string_view utf8) {
  size_t count = 0;
  for (const char byte : utf8) count += (static_cast<unsigned char>(byte) & 0xC0) != 0x80 ? 1 : 0;
  return count;
}

size_t Text::offset_of(size_t index) const {
  if (is_ascii() || index == 0) return index;
  if (index >= code_points) return bytes.size();
  size_t offset = 0;
  for (size_t seen = 0; offset < bytes.size(); ++offset) {
    const bool starts = (static_cast<unsigned char>(bytes[offset]) & 0xC0) != 0x80;
    if (starts && seen++ == index) break;
  }
  return offset;
}

void TextBuilder::append(std::string_view bytes, Trust trust) {
  if (bytes.empty()) return;
  if (bytes.size() > bytes_max_ - std::min(bytes_max_, bytes_.size())) {
    raise(FaultKind::limit, "{} must be at most {} bytes", what_, bytes_max_);
  }
  if (bytes_.empty()) {
    first_ = trust;
  } else if (trust != last_) {
    cuts_.push_back(bytes_.size());
  }
  last_ = trust;
  bytes_.append(bytes);
}

void TextBuilder::append_code_point(char32_t code_point, Trust trust) {
  std::string encoded;
  utf8::append(encoded, code_point);
  append(encoded, trust);
}

void TextBuilder::append_slice(const Text& text, size_t begin, size_t end) {
  const std::string_view all = text.view();
  if (text.is_uniform()) return append(all.substr(begin, end - begin), text.first);
  auto cut = std::upper_bound(text.cuts.begin(), text.cuts.end(), begin);
  bool flipped = (cut - text.cuts.begin()) % 2 != 0;
  while (begin < end) {
    const size_t stop = cut == text.cuts.end() ? end : std::min(*cut++, end);
    append(all.substr(begin, stop - begin), (text.first == Trust::yes) != flipped ? Trust::yes : Trust::no);
    flipped = !flipped;
    begin = stop;
  }
}

TextPtr TextBuilder::take(bool markup) {
  auto text = std::make_shared<Text>();
  text->bytes = std::move(bytes_);
  text->cuts = std::move(cuts_);
  text->first = first_;
  text->code_points = count_code_points(text->bytes);
  text->markup = markup;
  bytes_.clear();
  cuts_.clear();
  first_ = last_ = Trust::yes;
  return text;
}

TextPtr make_text(std::string bytes, Trust trust, bool markup) {
  auto text = std::make_shared<Text>();
  text->bytes = std::move(bytes);
  text->first = trust;
  text->code_points = count_code_points(text->bytes);
  text->markup = markup;
  return text;
}

TextPtr slice_text(const TextPtr& text, size_t begin, size_t end) {
  if (begin == 0 && end == text->bytes.size()) return text;
  TextBuilder part(text->bytes.size(), "a string");
  part.append_slice(*text, begin, end);
  return part.take(text->markup);
}

}  // namespace mlxserving::text::jinja
