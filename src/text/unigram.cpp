#include "text/unigram.h"

#include <algorithm>
#include <array>
#include <limits>

#include "core/result.h"
#include "core/utf8.h"
#include "text/byte_trie.h"

namespace mlxserving::text {
namespace {

constexpr double kUnknownPenalty = 10.0;
constexpr uint32_t kNowhere = UINT32_MAX;

// The best way to cut the text up to here.
struct Best {
  double score = 0;
  uint32_t begin = kNowhere;  // of its last token
  TokenId id = 0;
};

struct UnigramScratch final : ModelScratch {
  std::vector<Best> best;
  std::vector<std::pair<uint32_t, uint32_t>> cuts;  // begin and end of tokens, the last first
};

class Unigram final : public Model {
 public:
  Unigram(const std::vector<std::pair<std::string, double>>& pieces, const UnigramOptions& options)
      : options_(options) {
    for (const auto& [piece, score] : pieces) {
      const auto id = static_cast<TokenId>(scores_.size());
      scores_.push_back(score);
      score_min_ = std::min(score_min_, score);
      if (id >= options.not_in_text.size() || !options.not_in_text[id]) trie_.add(piece, id);
    }
    unk_score_ = options.unk_score.value_or(score_min_ - kUnknownPenalty);
  }

  Result<void> add_strings(const std::vector<std::pair<std::string, double>>& pieces) {
    size_t bytes = 0;
    for (const auto& [piece, score] : pieces) bytes += piece.size();
    vocabulary_.reserve(pieces.size(), bytes);
    for (TokenId id = 0; id < pieces.size(); ++id) MLXS_CHECKED(vocabulary_.add(pieces[id].first, id));
    for (int byte = 0; byte < 256; ++byte) byte_ids_[byte] = vocabulary_.find_id(fmt::format("<0x{:02X}>", byte));
    return {};
  }

  Result<void> encode(const PreTokenized& text, ModelScratch& scratch, ModelOutput& out) const override;
  std::unique_ptr<ModelScratch> make_scratch() const override { return std::make_unique<UnigramScratch>(); }

  size_t size() const override { return scores_.size(); }
  size_t ids_end() const override { return scores_.size(); }
  std::optional<TokenId> id_of(std::string_view token) const override { return vocabulary_.find(token); }
  std::optional<std::string> token_of(TokenId id) const override {
    return vocabulary_.has(id) ? std::optional<std::string>(vocabulary_.at(id)) : std::nullopt;
  }

 private:
  double add(double a, double b) const { return options_.single_precision ? static_cast<float>(a + b) : a + b; }
  Result<void> find_best(std::string_view piece, UnigramScratch& scratch) const;
  Result<void> relax_unknown(std::vector<Best>& best, uint32_t begin, uint32_t end) const;
  void trace_back(size_t size, UnigramScratch& scratch) const;
  Result<void> append(std::string_view token, uint32_t piece, uint32_t begin, ModelOutput& out) const;

  UnigramOptions options_;
  Vocabulary vocabulary_;
  ByteTrie trie_;
  std::vector<double> scores_;
  double score_min_ = std::numeric_limits<double>::infinity();
  double unk_score_ = 0;
  std::array<int32_t, 256> byte_ids_{};
};

void relax(Best& target, double score, uint32_t begin, TokenId id) {
  if (target.begin == kNowhere || score > target.score) target = {score, begin, id};
}

Error missing_unknown() {
  return fail(ErrorCode::invalid_model, "unk_id", "unk_id must be given: the text holds a character that no token has");
}

// An unknown character costs more than any token.
Result<void> Unigram::relax_unknown(std::vector<Best>& best, uint32_t begin, uint32_t end) const {
  const double score = add(best[begin].score, unk_score_);
  if (best[end].begin != kNowhere && score <= best[end].score) return {};
  if (!options_.unk_id) return missing_unknown();
  best[end] = {score, begin, *options_.unk_id};
  return {};
}

// Viterbi over the bytes: each token extends the best cut before it.
Result<void> Unigram::find_best(std::string_view piece, UnigramScratch& scratch) const {
  std::vector<Best>& best = scratch.best;
  best.assign(piece.size() + 1, {});
  for (uint32_t at = 0; at < piece.size();) {
    const auto bytes = static_cast<uint32_t>(utf8::decode(piece.substr(at)).bytes);
    bool has_single = false;
    trie_.each_prefix(piece.substr(at), [&](size_t length, TokenId id) {
      relax(best[at + length], add(best[at].score, scores_[id]), at, id);
      has_single = has_single || length == bytes;
    });
    if (!has_single) MLXS_CHECKED(relax_unknown(best, at, at + bytes));
    at += bytes;
  }
  return {};
}

// Neighbouring unknown characters become one.
void Unigram::trace_back(size_t size, UnigramScratch& scratch) const {
  scratch.cuts.clear();
  bool joins = false;
  for (auto end = static_cast<uint32_t>(size); end > 0;) {
    const Best& node = scratch.best[end];
    const bool is_unknown = options_.unk_id == node.id;
    if (is_unknown && joins) {
      scratch.cuts.back().first = node.begin;
    } else {
      scratch.cuts.emplace_back(node.begin, end);
    }
    joins = is_unknown;
    end = node.begin;
  }
}

Result<void> Unigram::append(std::string_view token, uint32_t piece, uint32_t begin, ModelOutput& out) const {
  const Extent extent{piece, begin, begin + static_cast<uint32_t>(token.size())};
  const auto put = [&](TokenId id) { out.put(id, extent); };
  if (const int32_t id = vocabulary_.find_id(token); id >= 0) return put(static_cast<TokenId>(id)), Result<void>();
  const auto has_byte = [&](char byte) { return byte_ids_[static_cast<uint8_t>(byte)] >= 0; };
  if (options_.byte_fallback && std::all_of(token.begin(), token.end(), has_byte)) {
    for (const char byte : token) put(static_cast<TokenId>(byte_ids_[static_cast<uint8_t>(byte)]));
    return {};
  }
  if (!options_.unk_id) return missing_unknown();
  put(*options_.unk_id);
  return {};
}

Result<void> Unigram::encode(const PreTokenized& text, ModelScratch& scratch_base, ModelOutput& out) const {
  auto& scratch = static_cast<UnigramScratch&>(scratch_base);
  for (uint32_t i = 0; i < text.pieces().size(); ++i) {
    const Piece& piece = text.pieces()[i];
    if (piece.is_token()) {
      out.put(static_cast<TokenId>(piece.token), {i, 0, piece.end - piece.begin});
      continue;
    }
    const std::string_view all = text.text_of(piece);
    MLXS_CHECKED(find_best(all, scratch));
    trace_back(all.size(), scratch);
    for (auto cut = scratch.cuts.rbegin(); cut != scratch.cuts.rend(); ++cut) {
      MLXS_CHECKED(append(all.substr(cut->first, cut->second - cut->first), i, cut->first, out));
    }
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<const Model>> make_unigram(const std::vector<std::pair<std::string, double>>& pieces,
                                                  const UnigramOptions& options) {
  if (options.unk_id && *options.unk_id >= pieces.size()) {
    return fail(ErrorCode::invalid_model, "unk_id", "unk_id must be below the {} entries of vocab, found {}",
                pieces.size(), *options.unk_id);
  }
  auto model = std::make_unique<Unigram>(pieces, options);
  MLXS_CHECKED(model->add_strings(pieces));
  return std::unique_ptr<const Model>(std::move(model));
}

}  // namespace mlxserving::text
