#include "grammar/text_kind.h"

namespace mlxserving::grammar {
namespace {

// A leading or following byte of UTF-8 (RFC 3629, table of section 4).
constexpr InsideCharacter step_utf8(InsideCharacter inside, uint8_t byte) {
  const auto within = [byte](uint8_t lo, uint8_t hi, InsideCharacter to) {
    return byte >= lo && byte <= hi ? to : kNotText;
  };
  switch (inside) {
    case 0:
      if (byte < 0x80) return 0;
      if (byte == 0xE0) return 4;
      if (byte == 0xE2) return 8;
      if (byte == 0xED) return 5;
      if (byte == 0xF0) return 6;
      if (byte == 0xF4) return 7;
      return byte < 0xC2 || byte > 0xF4 ? kNotText : byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
    case 1: return within(0x80, 0xBF, 0);
    case 2: return within(0x80, 0xBF, 1);
    case 3: return within(0x80, 0xBF, 2);
    case 4: return within(0xA0, 0xBF, 1);
    case 5: return within(0x80, 0x9F, 1);
    case 6: return within(0x90, 0xBF, 2);
    case 7: return within(0x80, 0x8F, 2);
    case 8: return byte == 0x80 ? 9 : within(0x81, 0xBF, 1);
    case 9: return within(0x80, 0xBF, 0);
    default: return kNotText;
  }
}

constexpr uint8_t narrowest(uint8_t byte) {
  if (byte >= 'a' && byte <= 'z') return static_cast<uint8_t>(TextKind::lower);
  if ((byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9')) return static_cast<uint8_t>(TextKind::alphanumeric);
  if (byte >= ' ' && byte <= '~' && byte != '"' && byte != '\\') return static_cast<uint8_t>(TextKind::ascii);
  return byte >= 0x80 ? static_cast<uint8_t>(TextKind::line) : kTextKinds;
}

// U+2028 and U+2029, after their first two bytes.
constexpr bool ends_separator(InsideCharacter inside, uint8_t byte) {
  return inside == 9 && (byte == 0xA8 || byte == 0xA9);
}

using Steps = std::array<std::array<std::array<InsideCharacter, 256>, kInsides>, kTextKinds>;

constexpr Steps make_steps() {
  Steps steps{};
  for (size_t kind = 0; kind < kTextKinds; ++kind) {
    for (InsideCharacter inside = 0; inside < kInsides; ++inside) {
      for (unsigned byte = 0; byte < 256; ++byte) {
        const auto b = static_cast<uint8_t>(byte);
        const bool is_in =
            narrowest(b) <= kind && (kind > static_cast<size_t>(TextKind::line) || !ends_separator(inside, b));
        steps[kind][inside][byte] = is_in ? step_utf8(inside, b) : kNotText;
      }
    }
  }
  return steps;
}

constexpr Steps kSteps = make_steps();

}  // namespace

InsideCharacter step(TextKind kind, InsideCharacter inside, uint8_t byte) {
  return inside == kNotText ? kNotText : kSteps[static_cast<size_t>(kind)][inside][byte];
}

uint8_t narrowest_kind(InsideCharacter inside, uint8_t byte) {
  uint8_t kind = 0;
  while (kind < kTextKinds && step(static_cast<TextKind>(kind), inside, byte) == kNotText) ++kind;
  return kind;
}

bool is_text(TextKind kind, std::string_view text) {
  InsideCharacter inside = 0;
  for (const char c : text) inside = step(kind, inside, static_cast<uint8_t>(c));
  return inside == 0;
}

}  // namespace mlxserving::grammar
