// Unicode normalisation forms as the reference computes them (Unicode 9), with what each character came from.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace mlxserving::text::unicode {

enum class Form { nfc, nfd, nfkc, nfkd };

// A character of a rewritten text. `change` tells how many characters of the old text it stands for: 0 replaces one, 1
// is inserted and stands for none, -n replaces one and removes the n that follow.
struct Change {
  char32_t code_point;
  int change;
};

// Appends the normalised form of valid UTF-8 `text`.
void normalize(std::string_view text, Form form, std::vector<Change>& out);

// The stretch of `text`, at or after `from`, that NFC may have to change: it begins and ends where no character
// composes across. {size, size} when the rest is in NFC already.
struct Stretch {
  size_t begin;
  size_t end;
};
Stretch find_not_nfc(std::string_view text, size_t from);

}  // namespace mlxserving::text::unicode
