#include "text/precompiled.h"

#include <array>
#include <cstring>

#include "core/result.h"
#include "core/utf8.h"

namespace mlxserving::text {
namespace {

// A unit of the trie, as darts-clone lays it out.
bool has_leaf(uint32_t unit) { return (unit >> 8 & 1) != 0; }
uint32_t value(uint32_t unit) { return unit & 0x7FFFFFFF; }
uint32_t label(uint32_t unit) { return unit & (0x80000000 | 0xFF); }
uint32_t offset(uint32_t unit) { return unit >> 10 << ((unit & 1U << 9) >> 6); }

constexpr auto kBase64 = [] {
  std::array<int8_t, 256> values{};
  values.fill(-1);
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < kLetters.size(); ++i) values[static_cast<uint8_t>(kLetters[i])] = static_cast<int8_t>(i);
  return values;
}();

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const int8_t six = kBase64[static_cast<uint8_t>(c)];
    if (six < 0) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(six);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out.push_back(static_cast<char>(bits >> count & 0xFF));
  }
  return out;
}

}  // namespace

Result<Precompiled> Precompiled::parse_base64(std::string_view base64, const std::string& param) {
  const auto bytes = decode_base64(base64);
  if (!bytes) return fail(ErrorCode::invalid_model, param, "{} must be base64", param);
  return parse(*bytes, param);
}

Result<Precompiled> Precompiled::parse(std::string_view bytes, const std::string& param) {
  if (bytes.size() > kCharsmapBytesMax) {
    return fail(ErrorCode::resource_exhausted, param, "{} must have at most {} bytes, found {}", param,
                kCharsmapBytesMax, bytes.size());
  }
  uint32_t trie_bytes = 0;
  if (bytes.size() >= sizeof trie_bytes) std::memcpy(&trie_bytes, bytes.data(), sizeof trie_bytes);
  if (bytes.size() < sizeof trie_bytes || trie_bytes > bytes.size() - sizeof trie_bytes) {
    return fail(ErrorCode::invalid_model, param, "{}: a trie of {} bytes does not fit into {}", param, trie_bytes,
                bytes.size());
  }
  Precompiled table;
  table.units_.resize(trie_bytes / sizeof(uint32_t));
  if (!table.units_.empty()) {
    std::memcpy(table.units_.data(), bytes.data() + sizeof trie_bytes, table.units_.size() * sizeof(uint32_t));
  }
  table.strings_ = bytes.substr(sizeof trie_bytes + table.units_.size() * sizeof(uint32_t));
  if (!utf8::is_valid(table.strings_)) return fail(ErrorCode::invalid_model, param, "{}: strings must be UTF-8", param);
  return table;
}

// Stops when `visit` says so.
template <typename Visit>
void Precompiled::each_prefix(std::string_view text, const Visit& visit) const {
  if (units_.empty()) return;
  uint32_t node = offset(units_[0]);
  for (size_t i = 0; i < text.size() && text[i] != '\0'; ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    node ^= byte;
    if (node >= units_.size() || label(units_[node]) != byte) return;
    const uint32_t unit = units_[node];
    node ^= offset(unit);
    if (!has_leaf(unit)) continue;
    if (node >= units_.size() || !visit(i + 1, value(units_[node]))) return;
  }
}

std::string_view Precompiled::string_at(uint32_t offset) const {
  const bool inside = offset < strings_.size() && (static_cast<uint8_t>(strings_[offset]) & 0xC0) != 0x80;
  if (!inside) return {};
  const std::string_view rest = std::string_view(strings_).substr(offset);
  return rest.substr(0, rest.find('\0'));
}

std::optional<std::string_view> Precompiled::find(std::string_view text) const {
  std::optional<std::string_view> found;
  each_prefix(text, [&](size_t /*bytes*/, uint32_t at) {
    found = string_at(at);
    return false;
  });
  return found;
}

std::optional<Precompiled::Hit> Precompiled::find_longest(std::string_view text) const {
  std::optional<Hit> found;
  each_prefix(text, [&](size_t bytes, uint32_t at) {
    found = Hit{bytes, string_at(at)};
    return true;
  });
  return found;
}

}  // namespace mlxserving::text
