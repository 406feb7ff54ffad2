// A string that remembers where its bytes came from: the template (trusted) or a message (not trusted). The idea is the
// input marking of llama.cpp's Jinja engine: whoever tokenizes the result recognises special tokens in trusted bytes
// only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mlxserving::text::jinja {

enum class Trust : bool { no, yes };

// Valid UTF-8, immutable once built. Runs of equal trust alternate: `cuts` holds the byte offsets where it flips.
struct Text {
  std::string bytes;
  std::vector<size_t> cuts;
  Trust first = Trust::yes;
  size_t code_points = 0;
  bool markup = false;  // a markupsafe.Markup: already escaped HTML

  bool is_ascii() const { return code_points == bytes.size(); }
  bool is_trusted() const { return cuts.empty() && (first == Trust::yes || bytes.empty()); }
  bool is_uniform() const { return cuts.empty(); }
  // Byte offset of a code point; `index` at most code_points.
  size_t offset_of(size_t index) const;
  std::string_view view() const { return bytes; }
};

using TextPtr = std::shared_ptr<const Text>;

// Walks the trust of a text from its start to its end.
class TrustReader {
 public:
  explicit TrustReader(const Text& text) : cuts_(text.cuts), trust_(text.first) {}
  // The trust of the byte at `offset`, which never decreases from call to call.
  Trust at(size_t offset) {
    while (next_ < cuts_.size() && cuts_[next_] <= offset) {
      ++next_;
      trust_ = trust_ == Trust::yes ? Trust::no : Trust::yes;
    }
    return trust_;
  }

 private:
  const std::vector<size_t>& cuts_;
  size_t next_ = 0;
  Trust trust_;
};

class TextBuilder {
 public:
  // No text grows past `bytes_max`: a Fault names the limit `what`.
  TextBuilder(size_t bytes_max, const char* what) : bytes_max_(bytes_max), what_(what) {}

  void append(std::string_view bytes, Trust trust);
  void append(char byte, Trust trust) { append(std::string_view(&byte, 1), trust); }
  void append_code_point(char32_t code_point, Trust trust);
  void append(const Text& text) { append_slice(text, 0, text.bytes.size()); }
  // The bytes [begin, end) of `text`, on code point borders.
  void append_slice(const Text& text, size_t begin, size_t end);

  size_t size() const { return bytes_.size(); }
  std::string_view view() const { return bytes_; }
  // Gives the text and leaves the builder empty.
  TextPtr take(bool markup = false);

 private:
  std::string bytes_;
  std::vector<size_t> cuts_;
  Trust first_ = Trust::yes;
  Trust last_ = Trust::yes;
  size_t bytes_max_;
  const char* what_;
};

TextPtr make_text(std::string bytes, Trust trust, bool markup = false);

// Part of a text with its trust, without a copy when it is the whole.
TextPtr slice_text(const TextPtr& text, size_t begin, size_t end);

size_t count_code_points(std::string_view utf8);

}  // namespace mlxserving::text::jinja
