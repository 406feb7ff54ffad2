// A tokenizer.json, a zero byte, and a text: the file must load or be refused, and what it makes of the text must
// decode.
#include <cstdint>
#include <string_view>

#include "core/check.h"
#include "core/utf8.h"
#include "text/detokenizer.h"

using namespace mlxserving;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t zero = input.find('\0');
  const auto tokenizer = text::Tokenizer::parse(input.substr(0, zero), "fuzz");
  if (!tokenizer) return 0;
  const std::string_view text = zero == std::string_view::npos ? "a b" : input.substr(zero + 1);
  const auto encoding = (*tokenizer)->encode(text, {.offsets = true});
  if (!encoding) return 0;
  check(encoding->offsets.size() == encoding->ids.size(), "each token has its offsets");
  const auto plain = (*tokenizer)->encode(text);
  check(plain.ok() && plain->ids == encoding->ids, "offsets do not change tokens");
  check(utf8::is_valid((*tokenizer)->decode(encoding->ids)), "decoded text is UTF-8");
  text::Detokenizer detokenizer(*tokenizer, {.skip_special_tokens = false, .continues_text = false});
  std::string streamed;
  for (const auto id : encoding->ids) streamed += detokenizer.push(id);
  streamed += detokenizer.flush();
  check(streamed == (*tokenizer)->decode(encoding->ids), "streaming gives what decoding gives");
  return 0;
}
