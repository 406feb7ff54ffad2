// Text that the grammar forces, as tokens: what need not be asked of the model.
#pragma once

#include <cstdint>
#include <vector>

#include "grammar/grammar.h"
#include "text/tokenizer.h"

namespace mlxserving::engine {

// The tokens of the bytes that must come next behind token `last`, as the tokenizer cuts them; fewer, where one of them
// might rather be a longer token that also holds what the model says afterwards (token healing, after guidance's): from
// there on the model chooses. None where the tokenizer cannot cut the bytes as they stand. A function of the text
// alone, which has been accepted up to `last`.
std::vector<int32_t> forced_tokens(const grammar::Matcher& matcher, const text::Tokenizer& tokenizer, int32_t last);

}  // namespace mlxserving::engine
