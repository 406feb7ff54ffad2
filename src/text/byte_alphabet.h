// GPT-2's byte alphabet: each byte as a printable character, so that any bytes can stand in a vocabulary of strings.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "text/aligned_text.h"

namespace mlxserving::text {

// The character that stands for `byte`: itself when printable Latin-1, else U+0100 and up in order.
char32_t char_of_byte(uint8_t byte);

// The byte that `c` stands for, or -1.
int byte_of_char(char32_t c);

// Bytes that a vocabulary string stands for; nothing when it holds a character outside the alphabet.
std::optional<std::string> bytes_of_alphabet(std::string_view text);

// As above into `out`, which is overwritten; false when there are none.
bool bytes_of_alphabet(std::string_view text, std::string& out);

// Every byte of the text becomes the character that stands for it.
void map_to_byte_alphabet(AlignedText& text);

// The vocabulary string for `bytes`.
std::string alphabet_of_bytes(std::string_view bytes);

// The byte that a token <0xHH> of byte fallback stands for.
std::optional<uint8_t> byte_of_fallback(std::string_view token);

}  // namespace mlxserving::text
