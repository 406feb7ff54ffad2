// A regular expression, a zero byte, a text to match.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "grammar/pattern.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace mlxserving::grammar;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t cut = input.find('\0');
  for (const Spelling spelling : {Spelling::utf8, Spelling::json_string}) {
    RegexPool pool({.nodes_max = 20'000, .moves_max = 100'000});
    const auto language = parse_pattern(pool, input.substr(0, cut), {.spelling = spelling});
    if (!language || cut == std::string_view::npos) continue;
    pool.matches(*language, input.substr(cut + 1, 100));
    pool.is_empty(*language);
  }
  return 0;
}
