// A schema, a zero byte, a text: compiling must not fail otherwise than by an error, and the mask over bytes must say
// what accepting does.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/check.h"
#include "grammar/compile.h"

namespace {

using namespace mlxserving::grammar;

const std::shared_ptr<const Vocabulary>& bytes_vocabulary() {
  static const std::shared_ptr<const Vocabulary> kVocabulary = [] {
    std::vector<std::string> tokens;
    for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
    for (const char* token : {"\", \"", "\":", "{\"", "\"}", "},", "]}", "\\\"", "  ", "true"})
      tokens.emplace_back(token);
    tokens.emplace_back("<end>");
    const auto end = static_cast<TokenId>(tokens.size() - 1);
    return Vocabulary::create(tokens, {.end_tokens = {end}, .special_tokens = {}, .rows = 0}).value();
  }();
  return kVocabulary;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t cut = input.find('\0');
  CompileOptions options;
  options.json.lexicon.states_max = 2'000;
  options.json.lexicon.pool.nodes_max = 50'000;
  options.json.frames_max = 5'000;
  const auto grammar = compile_json_schema(input.substr(0, cut), bytes_vocabulary(), options);
  if (!grammar || cut == std::string_view::npos) return 0;
  Matcher matcher(*grammar);
  std::vector<uint64_t> mask(bytes_vocabulary()->mask_words());
  for (const char c : input.substr(cut + 1)) {
    const auto token = static_cast<uint8_t>(c);
    matcher.fill_mask(mask);
    const bool is_allowed = (mask[token >> 6] >> (token & 63)) & 1;
    const bool is_accepted = matcher.accept(token);
    if (!matcher.status()) return 0;
    mlxserving::check(is_allowed || !is_accepted, "the mask forbids what is accepted");
    if (!is_accepted) return 0;
  }
  return 0;
}
