// UTF-8, the one text encoding inside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mlxserving::utf8 {

constexpr char32_t kReplacement = 0xFFFD;

struct Decoded {
  char32_t code_point;  // kReplacement where the bytes are invalid
  size_t bytes;         // consumed, at least 1: the maximal invalid subpart, as Rust and the WHATWG standard count it
  bool valid;
};

// The code point at the start of `text`, which must not be empty.
Decoded decode(std::string_view text);

void append(std::string& out, char32_t code_point);

bool is_valid(std::string_view text);

// Bytes at the end of `text` that begin a code point and may still be completed: 0 to 3.
size_t incomplete_tail(std::string_view text);

// `text` with each maximal invalid subpart replaced by U+FFFD.
std::string to_valid(std::string_view text);

// Code points in valid text.
size_t length(std::string_view text);

}  // namespace mlxserving::utf8
