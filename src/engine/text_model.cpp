#include "engine/text_model.h"

#include <algorithm>

#include "core/result.h"
#include "text/special_tokens.h"

namespace mlxserving::engine {

Result<TextModel> load_text_model(const std::string& dir) {
  TextModel text;
  MLXS_TRY(text.tokenizer, text::Tokenizer::load(dir));
  auto chat_template = text::ChatTemplate::load(dir);
  if (!chat_template && chat_template.error().code != ErrorCode::not_found) return chat_template.error();
  if (chat_template) text.chat_template = std::move(*chat_template);
  MLXS_TRY(const text::SpecialTokens special, text::load_special_tokens(dir, *text.tokenizer));
  text.end_ids.assign(special.eos_ids.begin(), special.eos_ids.end());
  std::ranges::sort(text.end_ids);
  MLXS_TRY(const text::Encoding newline, text.tokenizer->encode("\n", {.add_special_tokens = false}));
  text.newline_ids.assign(newline.ids.begin(), newline.ids.end());
  return text;
}

}  // namespace mlxserving::engine
