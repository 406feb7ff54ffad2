// Kinds of text that most languages take or refuse as a whole: by them a mask decides many tokens at once, as the
// slices of llguidance (Moskal et al.) do.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mlxserving::grammar {

// Each is within the next: a-z; letters and digits; printable ASCII without quotation mark and backslash; that and all
// other characters in UTF-8 but the separators of lines and paragraphs, which `.` leaves out; all of them.
enum class TextKind : uint8_t { lower, alphanumeric, ascii, line, utf8 };
constexpr size_t kTextKinds = 5;

// Where one stands inside a character: 0 between two, kNotText where the bytes so far are none.
using InsideCharacter = uint8_t;
constexpr InsideCharacter kNotText = 0xFF;
constexpr size_t kInsides = 10;

// Where `byte` leads, for text of the kind.
InsideCharacter step(TextKind kind, InsideCharacter inside, uint8_t byte);

// The narrowest kind in which the byte may stand there; kTextKinds for none.
uint8_t narrowest_kind(InsideCharacter inside, uint8_t byte);

// Whether the text consists of whole characters of the kind.
bool is_text(TextKind kind, std::string_view text);

}  // namespace mlxserving::grammar
