#include "core/utf8.h"

namespace mlxserving::utf8 {
namespace {

// The range that the second byte may have (Unicode table 3-7), and how long the sequence is; length 0: no lead byte.
struct Lead {
  int length;
  uint8_t second_min;
  uint8_t second_max;
};

constexpr Lead lead_of(uint8_t byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

uint8_t at(std::string_view text, size_t i) { return static_cast<uint8_t>(text[i]); }

// How many bytes of a well-formed sequence `text` starts with; `lead` is that of its first byte.
size_t well_formed_prefix(std::string_view text, Lead lead) {
  size_t n = 1;
  while (n < static_cast<size_t>(lead.length) && n < text.size()) {
    const uint8_t min = n == 1 ? lead.second_min : 0x80;
    const uint8_t max = n == 1 ? lead.second_max : 0xBF;
    if (at(text, n) < min || at(text, n) > max) break;
    ++n;
  }
  return n;
}

}  // namespace

Decoded decode(std::string_view text) {
  const uint8_t first = at(text, 0);
  if (first < 0x80) return {first, 1, true};
  const Lead lead = lead_of(first);
  if (lead.length == 0) return {kReplacement, 1, false};
  const size_t n = well_formed_prefix(text, lead);
  if (n < static_cast<size_t>(lead.length)) return {kReplacement, n, false};
  char32_t code_point = first & (0xFFU >> (lead.length + 1));
  for (size_t i = 1; i < n; ++i) code_point = code_point << 6 | (at(text, i) & 0x3FU);
  return {code_point, n, true};
}

void append(std::string& out, char32_t c) {
  const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6);
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3F));
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

bool is_valid(std::string_view text) {
  while (!text.empty()) {
    const Decoded d = decode(text);
    if (!d.valid) return false;
    text.remove_prefix(d.bytes);
  }
  return true;
}

size_t incomplete_tail(std::string_view text) {
  for (size_t n = 1; n <= 3 && n <= text.size(); ++n) {
    const std::string_view tail = text.substr(text.size() - n);
    const Lead lead = lead_of(at(tail, 0));
    if (lead.length == 0) {
      if ((at(tail, 0) & 0xC0) == 0x80) continue;  // a continuation byte: its lead is further left
      return 0;
    }
    return static_cast<size_t>(lead.length) > n && well_formed_prefix(tail, lead) == n ? n : 0;
  }
  return 0;
}

std::string to_valid(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Decoded d = decode(text);
    if (d.valid) {
      out.append(text.substr(0, d.bytes));
    } else {
      append(out, kReplacement);
    }
    text.remove_prefix(d.bytes);
  }
  return out;
}

size_t length(std::string_view text) {
  size_t n = 0;
  for (const char c : text) n += (static_cast<uint8_t>(c) & 0xC0) != 0x80;
  return n;
}

}  // namespace mlxserving::utf8
