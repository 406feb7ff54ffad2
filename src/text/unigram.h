// Unigram language model: the most probable way to cut a piece into tokens (Kudo 2018).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "text/model.h"

namespace mlxserving::text {

struct UnigramOptions {
  std::optional<TokenId> unk_id;
  bool byte_fallback = false;
  // SentencePiece adds in single precision and does not look for its control pieces in a text.
  bool single_precision = false;
  std::optional<double> unk_score;  // of an unknown character; else the lowest score less a penalty
  std::vector<bool> not_in_text;    // by id; empty: all may be found
};

// `pieces` are the tokens in order of id with the logarithm of their probability.
Result<std::unique_ptr<const Model>> make_unigram(const std::vector<std::pair<std::string, double>>& pieces,
                                                  const UnigramOptions& options);

}  // namespace mlxserving::text
