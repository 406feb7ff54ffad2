// What kind of character a code point is, as the reference tokenizers see it. The tables mix Unicode versions on
// purpose: scripts/generate-unicode-tables reads them off the reference.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace mlxserving::text::unicode {

constexpr char32_t kCodePoints = 0x110000;

// Bits of flags(): the classes that pre-tokenizer patterns are made of.
enum Flag : uint8_t {
  kLetter = 1,   // \p{L}
  kNumber = 2,   // \p{N}
  kSpace = 4,    // \s
  kMark = 8,     // \p{M}
  kUpper = 16,   // \p{Lu} \p{Lt}
  kLower = 32,   // \p{Ll}
  kPunct = 64,   // \p{P}
  kSymbol = 128  // \p{S}
};

// One byte of Flag bits for each code point. Built on first use, from any thread; lives for ever.
const uint8_t* flags();

inline bool is_space(char32_t c) { return (flags()[c] & kSpace) != 0; }

bool is_rust_word(char32_t c);        // \w of Rust's regex crate: single_word, the Whitespace pre-tokenizer
bool is_rust_numeric(char32_t c);     // the Digits pre-tokenizer
bool is_punctuation(char32_t c);      // the Punctuation and Bert pre-tokenizers
bool is_control(char32_t c);          // what clean_text of BertNormalizer removes
bool is_nonspacing_mark(char32_t c);  // what strip_accents of BertNormalizer removes
bool is_combining_mark(char32_t c);   // what StripAccents removes

// The lower-case form, one or more code points; empty when `c` maps to itself.
std::span<const char32_t> lowercase(char32_t c);

// A number for the script as the UnicodeScripts pre-tokenizer tells them apart; 0 belongs to any script.
uint8_t script(char32_t c);

// Inclusive.
struct Range {
  char32_t first;
  char32_t last;
};

// The code points of a property as Oniguruma knows it: a general category ("L", "Lu", case and separators ignored, long
// names too), "Han", "space", "word", "digit". Empty when the name is not one of these.
std::vector<Range> property(std::string_view name);

// Bytes of the extended grapheme cluster that `text` starts with (UAX #29); 0 for no text.
size_t grapheme_bytes(std::string_view text);

}  // namespace mlxserving::text::unicode
