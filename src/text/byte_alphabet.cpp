#include "text/byte_alphabet.h"

#include <array>
#include <charconv>

#include "core/utf8.h"

namespace mlxserving::text {
namespace {

constexpr char32_t kFirstExtra = 0x100;
constexpr char32_t kChars = 0x144;  // 68 bytes are not printable

constexpr bool is_printable(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Alphabet {
  std::array<char32_t, 256> chars{};
  std::array<int16_t, kChars> bytes{};

  constexpr Alphabet() {
    bytes.fill(-1);
    char32_t extra = kFirstExtra;
    for (int byte = 0; byte < 256; ++byte) {
      chars[byte] = is_printable(byte) ? static_cast<char32_t>(byte) : extra++;
      bytes[chars[byte]] = static_cast<int16_t>(byte);
    }
  }
};

constexpr Alphabet kAlphabet;

}  // namespace

char32_t char_of_byte(uint8_t byte) { return kAlphabet.chars[byte]; }

int byte_of_char(char32_t c) { return c < kChars ? kAlphabet.bytes[c] : -1; }

bool bytes_of_alphabet(std::string_view text, std::string& out) {
  out.clear();
  for (size_t i = 0; i < text.size();) {
    // The whole alphabet lies below U+0800: one or two bytes.
    const auto lead = static_cast<uint8_t>(text[i]);
    char32_t c = lead;
    if (lead >= 0x80) {
      if (lead >= 0xE0 || i + 1 >= text.size()) return false;
      c = (lead & 0x1FU) << 6 | (static_cast<uint8_t>(text[i + 1]) & 0x3FU);
    }
    const int byte = byte_of_char(c);
    if (byte < 0) return false;
    out.push_back(static_cast<char>(byte));
    i += lead < 0x80 ? 1 : 2;
  }
  return true;
}

std::optional<std::string> bytes_of_alphabet(std::string_view text) {
  std::string out;
  if (!bytes_of_alphabet(text, out)) return std::nullopt;
  return out;
}

void map_to_byte_alphabet(AlignedText& text) {
  std::vector<Change> changes;
  changes.reserve(text.text().size());
  for (const char byte : text.text()) {
    const bool continues = (static_cast<uint8_t>(byte) & 0xC0) == 0x80;
    changes.push_back({char_of_byte(static_cast<uint8_t>(byte)), continues ? 1 : 0});
  }
  text.transform(changes);
}

std::string alphabet_of_bytes(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) utf8::append(out, char_of_byte(static_cast<uint8_t>(byte)));
  return out;
}

std::optional<uint8_t> byte_of_fallback(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || !token.ends_with('>')) return std::nullopt;
  // The reference's parser takes a sign; two digits with one are a number of one digit.
  const char* first = token.data() + 3 + (token[3] == '+' ? 1 : 0);
  uint8_t value = 0;
  const auto [end, error] = std::from_chars(first, token.data() + 5, value, 16);
  return error == std::errc() && end == token.data() + 5 ? std::optional(value) : std::nullopt;
}

}  // namespace mlxserving::text
