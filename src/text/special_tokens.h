// Which tokens begin and end a text, from every file of a model directory that says so.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace mlxserving::text {

// Names as templates use them ("bos_token"), with the string of each; and the ids at which generation ends.
struct SpecialTokens {
  std::optional<std::string> bos;
  std::optional<std::string> eos;
  std::optional<std::string> pad;
  std::optional<std::string> unk;
  // In the order found, none twice: generation_config.json, config.json (of the text model too), and the eos string.
  std::vector<TokenId> eos_ids;
  std::optional<TokenId> bos_id;

  bool is_eos(TokenId id) const;
};

// Reads tokenizer_config.json, special_tokens_map.json, generation_config.json and config.json; each may be absent, and
// of two that name a token tokenizer_config.json counts. Errors: a file that is no JSON, an id that is no number.
Result<SpecialTokens> load_special_tokens(const std::string& directory, const Tokenizer& tokenizer);

}  // namespace mlxserving::text
