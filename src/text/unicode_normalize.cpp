#include "text/unicode_normalize.h"

#include <algorithm>
#include <cstdlib>
#include <span>
#include <unordered_map>

#include "core/utf8.h"
#include "text/unicode.h"

namespace mlxserving::text::unicode {
namespace {

#include "text/unicode_data.inl"

// Hangul is computed, not listed (Unicode 3.12).
constexpr char32_t kSBase = 0xAC00, kLBase = 0x1100, kVBase = 0x1161, kTBase = 0x11A7;
constexpr char32_t kLCount = 19, kVCount = 21, kTCount = 28, kSCount = kLCount * kVCount * kTCount;

using Decompositions = std::unordered_map<char32_t, std::vector<char32_t>>;

Decompositions read_mapping(std::span<const uint32_t> numbers) {
  Decompositions map;
  char32_t c = 0;
  for (size_t i = 0; i < numbers.size(); i += 2 + numbers[i + 1]) {
    c += numbers[i];
    map[c].assign(numbers.begin() + i + 2, numbers.begin() + i + 2 + numbers[i + 1]);
  }
  return map;
}

uint64_t pair_key(char32_t a, char32_t b) { return uint64_t{a} << 32 | b; }

struct Tables {
  Decompositions canonical = read_mapping(kCanonical);
  Decompositions compatible = read_mapping(kCompatible);
  std::unordered_map<uint64_t, char32_t> composites;
  uint8_t* combining_class = static_cast<uint8_t*>(std::calloc(kCodePoints, 1));
  uint8_t* may_change_in_nfc = static_cast<uint8_t*>(std::calloc(kCodePoints, 1));

  Tables() {
    if (combining_class == nullptr || may_change_in_nfc == nullptr) std::abort();
    read_combining_classes();
    const Decompositions compositions = read_mapping(kCompositions);
    for (const auto& [composite, pair] : compositions) {
      composites[pair_key(pair[0], pair[1])] = composite;
      may_change_in_nfc[pair[1]] = 1;
    }
    for (const auto& [c, parts] : canonical) {
      if (!compositions.contains(c)) may_change_in_nfc[c] = 1;
    }
    std::fill(may_change_in_nfc + kVBase, may_change_in_nfc + kVBase + kVCount, 1);
    std::fill(may_change_in_nfc + kTBase + 1, may_change_in_nfc + kTBase + kTCount, 1);
  }

  void read_combining_classes() {
    const std::span<const uint32_t> numbers = kCombiningClasses;
    char32_t c = 0;
    for (size_t i = 0; i < numbers.size(); i += 3) {
      c += numbers[i];
      for (const char32_t end = c + numbers[i + 1]; c < end; ++c) {
        combining_class[c] = static_cast<uint8_t>(numbers[i + 2]);
        may_change_in_nfc[c] = 1;
      }
    }
  }
};

const Tables& tables() {
  static const Tables built;
  return built;
}

// 0 when the two do not compose.
char32_t compose(char32_t a, char32_t b) {
  if (a >= kLBase && a < kLBase + kLCount && b >= kVBase && b < kVBase + kVCount) {
    return kSBase + ((a - kLBase) * kVCount + (b - kVBase)) * kTCount;
  }
  if (a >= kSBase && a < kSBase + kSCount && (a - kSBase) % kTCount == 0 && b > kTBase && b < kTBase + kTCount) {
    return a + (b - kTBase);
  }
  const auto it = tables().composites.find(pair_key(a, b));
  return it != tables().composites.end() ? it->second : 0;
}

// Decomposes one character after the other and sorts each run of marks by combining class.
class Decomposer {
 public:
  Decomposer(bool compatible, std::vector<Change>& out) : compatible_(compatible), out_(out), sorted_(out.size()) {}

  void push(char32_t c) {
    if (c >= kSBase && c < kSBase + kSCount) return push_hangul(c - kSBase);
    if (compatible_) {
      if (const auto it = tables().compatible.find(c); it != tables().compatible.end()) return push_all(it->second);
    }
    if (const auto it = tables().canonical.find(c); it != tables().canonical.end()) return push_all(it->second);
    push_one(c, true);
  }

  void finish() { sort_marks(); }

 private:
  void push_all(const std::vector<char32_t>& parts) {
    for (size_t i = 0; i < parts.size(); ++i) push_one(parts[i], i == 0);
  }

  void push_hangul(char32_t index) {
    push_one(kLBase + index / (kVCount * kTCount), true);
    push_one(kVBase + index % (kVCount * kTCount) / kTCount, false);
    if (index % kTCount != 0) push_one(kTBase + index % kTCount, false);
  }

  void push_one(char32_t c, bool first) {
    if (tables().combining_class[c] == 0) sort_marks();
    out_.push_back({c, first ? 0 : 1});
  }

  // Stable, and n log n for the runs of thousands of marks that only attackers write.
  void sort_marks() {
    std::vector<std::pair<uint8_t, size_t>> order;
    for (size_t i = sorted_; i < out_.size(); ++i) order.emplace_back(tables().combining_class[out_[i].code_point], i);
    if (!std::is_sorted(order.begin(), order.end())) {
      std::sort(order.begin(), order.end());
      const std::vector<Change> marks(out_.begin() + static_cast<std::ptrdiff_t>(sorted_), out_.end());
      for (size_t i = 0; i < order.size(); ++i) out_[sorted_ + i] = marks[order[i].second - sorted_];
    }
    sorted_ = out_.size();
  }

  bool compatible_;
  std::vector<Change>& out_;
  size_t sorted_;
};

// Composes in place what stands from `begin` on, which is decomposed and in canonical order.
void recompose(std::vector<Change>& text, size_t begin) {
  constexpr size_t kNone = SIZE_MAX;
  size_t starter = kNone;
  int last_class = -1;  // of what stands between the starter and here
  size_t end = begin;
  for (size_t i = begin; i < text.size(); ++i) {
    const Change c = text[i];
    const int combining = tables().combining_class[c.code_point];
    if (starter != kNone && last_class < combining) {
      const char32_t composite = compose(text[starter].code_point, c.code_point);
      if (composite != 0) {
        text[starter] = {composite, text[starter].change + c.change - 1};
        continue;
      }
    }
    if (combining == 0) {
      starter = end;
      last_class = -1;
    } else {
      last_class = combining;
    }
    text[end++] = c;
  }
  text.resize(end);
}

}  // namespace

void normalize(std::string_view text, Form form, std::vector<Change>& out) {
  const size_t begin = out.size();
  Decomposer decomposer(form == Form::nfkc || form == Form::nfkd, out);
  while (!text.empty()) {
    const utf8::Decoded d = utf8::decode(text);
    decomposer.push(d.code_point);
    text.remove_prefix(d.bytes);
  }
  decomposer.finish();
  if (form == Form::nfc || form == Form::nfkc) recompose(out, begin);
}

Stretch find_not_nfc(std::string_view text, size_t from) {
  const uint8_t* may_change = tables().may_change_in_nfc;
  size_t boundary = from;  // the last character that starts afresh
  size_t at = from;
  while (at < text.size()) {
    const auto lead = static_cast<uint8_t>(text[at]);
    if (lead < 0xCC) {  // below U+0300 nothing changes
      boundary = at;
      at += lead < 0x80 ? 1 : 2;
      continue;
    }
    const utf8::Decoded d = utf8::decode(text.substr(at));
    if (may_change[d.code_point] != 0) break;
    boundary = at;
    at += d.bytes;
  }
  if (at >= text.size()) return {text.size(), text.size()};
  while (at < text.size()) {
    const utf8::Decoded d = utf8::decode(text.substr(at));
    if (may_change[d.code_point] == 0) break;
    at += d.bytes;
  }
  return {boundary, at};
}

}  // namespace mlxserving::text::unicode
