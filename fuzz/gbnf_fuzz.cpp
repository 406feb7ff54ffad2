// A grammar in GBNF, a zero byte, a text to run through it.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "grammar/compile.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace mlxserving::grammar;
  static const std::shared_ptr<const Vocabulary> kVocabulary =
      Vocabulary::create(std::vector<std::string>{"a", "b", "\"", "ab", "0"},
                         {.end_tokens = {}, .special_tokens = {}, .rows = 0})
          .value();
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t cut = input.find('\0');
  CompileOptions options;
  options.rules.lexicon.states_max = 2'000;
  options.rules.lexicon.pool.nodes_max = 50'000;
  options.rules.frames_max = 5'000;
  options.rules.symbols_max = 20'000;
  options.rules.branches_max = 200;
  const auto grammar = compile_gbnf(input.substr(0, cut), kVocabulary, options);
  if (!grammar) return 0;
  Matcher matcher(*grammar);
  std::vector<uint64_t> mask(kVocabulary->mask_words());
  matcher.fill_mask(mask);
  if (cut != std::string_view::npos) matcher.accept_bytes(input.substr(cut + 1, 200));
  return 0;
}
