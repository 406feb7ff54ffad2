// What the fuzz targets of textual notations share: a small vocabulary, small limits, and a text run through whatever
// compiles, in which the masks must say what accepting does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "grammar/compile.h"

namespace mlxserving::grammar {

inline const std::shared_ptr<const Vocabulary>& fuzz_vocabulary() {
  static const std::shared_ptr<const Vocabulary> kVocabulary = [] {
    std::vector<std::string> tokens;
    for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
    for (const char* token : {"></", "/>", "</", "<a>", "</a>", "=\"", "ab", "\", \"", "12", "  "})
      tokens.emplace_back(token);
    tokens.emplace_back("<end>");
    const auto end = static_cast<TokenId>(tokens.size() - 1);
    return Vocabulary::create(tokens, {.end_tokens = {end}, .special_tokens = {}, .rows = 0}).value();
  }();
  return kVocabulary;
}

// The part before the first zero byte is the notation, what follows a text.
inline std::string_view notation_of(std::string_view input) { return input.substr(0, input.find('\0')); }

inline void fuzz_constraint(const Constraint& constraint, std::string_view input) {
  CompileOptions options;
  options.rules.lexicon.states_max = options.json.lexicon.states_max = 2'000;
  options.rules.lexicon.pool.nodes_max = options.json.lexicon.pool.nodes_max = 50'000;
  options.rules.frames_max = options.json.frames_max = 5'000;
  options.rules.symbols_max = 20'000;
  options.rules.branches_max = 200;
  const auto grammar = compile(constraint, fuzz_vocabulary(), options);
  const size_t cut = input.find('\0');
  if (!grammar || cut == std::string_view::npos) return;
  Matcher matcher(*grammar);
  std::vector<uint64_t> mask(fuzz_vocabulary()->mask_words());
  for (const char c : input.substr(cut + 1, 60)) {
    const auto token = static_cast<uint8_t>(c);
    matcher.fill_mask(mask);
    const bool is_allowed = (mask[token >> 6] >> (token & 63)) & 1;
    const bool is_accepted = matcher.accept(token);
    if (!matcher.status()) return;
    check(is_allowed || !is_accepted, "the mask forbids what is accepted");
    if (!is_accepted) return;
  }
}

}  // namespace mlxserving::grammar
