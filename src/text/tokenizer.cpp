#include "text/tokenizer.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <mutex>

#include "core/read_file.h"
#include "core/result.h"
#include "core/utf8.h"
#include "text/byte_alphabet.h"
#include "text/sentencepiece_file.h"
#include "text/tokenizer_file.h"

namespace mlxserving::text {
namespace {

// Memory that callers borrow while they encode. Slots are exchanged whole, so no caller waits for another.
class ScratchPool {
 public:
  explicit ScratchPool(const Model& model) : model_(model) {}
  ScratchPool(const ScratchPool&) = delete;
  ScratchPool& operator=(const ScratchPool&) = delete;
  ~ScratchPool() {
    for (auto& slot : slots_) delete slot.load();
  }

  std::unique_ptr<ModelScratch> take() {
    for (auto& slot : slots_) {
      if (slot.load(std::memory_order_relaxed) == nullptr) continue;
      if (ModelScratch* scratch = slot.exchange(nullptr)) return std::unique_ptr<ModelScratch>(scratch);
    }
    return model_.make_scratch();
  }

  void give_back(std::unique_ptr<ModelScratch> scratch) {
    for (auto& slot : slots_) {
      ModelScratch* empty = nullptr;
      if (slot.compare_exchange_strong(empty, scratch.get())) {
        (void)scratch.release();
        return;
      }
    }
  }

 private:
  const Model& model_;
  std::array<std::atomic<ModelScratch*>, 8> slots_{};  // as many as workers encode at once; further ones start cold
};

// Where code points of a text begin, as the reference counts offsets.
class CodePoints {
 public:
  explicit CodePoints(std::string_view text) : index_(text.size()) {
    uint32_t count = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      if ((static_cast<uint8_t>(text[i]) & 0xC0) != 0x80) ++count;
      index_[i] = count - 1;
    }
  }

  std::pair<uint32_t, uint32_t> of(const Align& bytes) const {
    if (bytes.begin >= index_.size()) return {bytes.begin, bytes.end};
    const uint32_t begin = index_[bytes.begin];
    if (bytes.end < index_.size()) return {begin, index_[bytes.end]};
    const uint32_t last = bytes.end - 1 < index_.size() ? index_[bytes.end - 1] : begin + 1;
    return {begin, last + 1};
  }

 private:
  std::vector<uint32_t> index_;
};

// The trusted stretches of a text that was joined from spans.
class SpanGuard final : public TokenGuard {
 public:
  SpanGuard(const AddedTokens& added, size_t model_ids) : added_(added), model_ids_(model_ids) {}

  void add(uint32_t begin, uint32_t end) {
    if (!trusted_.empty() && trusted_.back().end == begin) {
      trusted_.back().end = end;
    } else {
      trusted_.push_back({begin, end});
    }
  }

  bool allows(const Align& place, TokenId id) const override {
    if (!added_.find(id)->special && id < model_ids_) return true;
    const auto behind = [&](const Align& span) { return span.end < place.end; };
    const auto it = std::partition_point(trusted_.begin(), trusted_.end(), behind);
    return it != trusted_.end() && it->begin <= place.begin;
  }

 private:
  const AddedTokens& added_;
  size_t model_ids_;
  std::vector<Align> trusted_;
};

}  // namespace

struct Tokenizer::Impl {
  TokenizerParts parts;
  mutable ScratchPool scratches;
  mutable std::once_flag bytes_once;
  mutable std::string bytes_arena;
  mutable std::vector<uint32_t> bytes_begin;  // one more than ids

  explicit Impl(TokenizerParts all) : parts(std::move(all)), scratches(*parts.model) {}

  size_t ids_end() const { return std::max(parts.model->ids_end(), parts.added.ids_end()); }

  std::optional<std::string> decoder_input(TokenId id) const {
    if (auto text = parts.added.text_of(id)) return text;
    return parts.model->token_of(id);
  }

  Result<Encoding> encode(std::string_view text, const EncodeOptions& options, const TokenGuard* guard) const;
  Result<void> prepare(PreTokenized& text, const TokenGuard* guard) const;
  void find_offsets(const PreTokenized& text, std::string_view original, const ModelOutput& output,
                    Encoding& encoding) const;
  std::string token_text(const PreTokenized& text, const ModelOutput& output, size_t i) const;
  void find_token_bytes() const;
};

Result<void> Tokenizer::Impl::prepare(PreTokenized& text, const TokenGuard* guard) const {
  parts.added.split(text, false, guard);
  if (parts.normalizer != nullptr) {
    MLXS_CHECKED(text.rewrite([&](const Piece& piece) { return !parts.normalizer->leaves(text.text_of(piece)); },
                              [&](AlignedText& piece) { return parts.normalizer->apply(piece); }));
  }
  parts.added.split(text, true, guard);
  return parts.pre_tokenizer != nullptr ? parts.pre_tokenizer->apply(text) : Result<void>();
}

void Tokenizer::Impl::find_offsets(const PreTokenized& text, std::string_view original, const ModelOutput& output,
                                   Encoding& encoding) const {
  const CodePoints code_points(original);
  encoding.offsets.reserve(output.extents.size());
  for (const Extent& extent : output.extents) {
    const Piece& piece = text.pieces()[extent.piece];
    const uint32_t size = piece.end - piece.begin;
    // An extent outside of the piece, or empty, is reported as it is: so does the reference.
    Align place{extent.begin, extent.end};
    if (extent.begin == extent.end) place = {piece.origin + extent.begin, piece.origin + extent.end};
    if (extent.begin < extent.end && extent.end <= size) {
      place = text.origin_of(piece.begin + extent.begin, piece.begin + extent.end);
    }
    encoding.offsets.push_back(code_points.of(place));
  }
}

// The string of a token as the model produced it.
std::string Tokenizer::Impl::token_text(const PreTokenized& text, const ModelOutput& output, size_t i) const {
  const Extent& extent = output.extents[i];
  const Piece& piece = text.pieces()[extent.piece];
  std::string token = parts.model->token_of(output.ids[i]).value_or("");
  const bool is_text = piece.is_token() || (parts.tokens_are_text && !byte_of_fallback(token));
  return is_text ? std::string(text.text_of(piece).substr(extent.begin, extent.end - extent.begin)) : token;
}

Result<Encoding> Tokenizer::Impl::encode(std::string_view text, const EncodeOptions& options,
                                         const TokenGuard* guard) const {
  if (text.size() > kTextBytesMax) {
    return fail(ErrorCode::invalid_request, "text", "a text may have at most {} bytes, found {}", kTextBytesMax,
                text.size());
  }
  std::string valid;
  if (!utf8::is_valid(text)) text = valid = utf8::to_valid(text);
  const bool needs_origins = (parts.pre_tokenizer != nullptr && parts.pre_tokenizer->needs_origins()) ||
                             (guard != nullptr && parts.added.any_normalized());
  PreTokenized pieces(text, options.offsets || needs_origins);
  MLXS_CHECKED(prepare(pieces, guard));
  ModelOutput output;
  output.wants_extents = options.offsets;
  auto scratch = scratches.take();
  const Result<void> encoded = parts.model->encode(pieces, *scratch, output);
  scratches.give_back(std::move(scratch));
  if (!encoded) return encoded.error();
  Encoding encoding;
  encoding.ids = output.ids;
  if (options.offsets) find_offsets(pieces, text, output, encoding);
  parts.post_processor.apply(encoding, options.add_special_tokens,
                             [&](size_t i) { return token_text(pieces, output, i); });
  return encoding;
}

// Each token alone, as the continuation of a text.
void Tokenizer::Impl::find_token_bytes() const {
  for (TokenId id = 0; id < ids_end(); ++id) {
    bytes_begin.push_back(static_cast<uint32_t>(bytes_arena.size()));
    auto input = decoder_input(id);
    if (!input) continue;
    const auto stream = parts.decoder.start({.continues_text = true, .raw_bytes = true});
    bytes_arena += stream->push(std::move(*input));
    bytes_arena += stream->finish();
  }
  bytes_begin.push_back(static_cast<uint32_t>(bytes_arena.size()));
}

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::~Tokenizer() = default;

Result<std::shared_ptr<const Tokenizer>> Tokenizer::load(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code ec;
  std::string file = path;
  if (fs::is_directory(path, ec)) {
    const fs::path json = fs::path(path) / "tokenizer.json";
    const fs::path model = fs::path(path) / "tokenizer.model";
    if (!fs::exists(json, ec) && !fs::exists(model, ec)) {
      return fail(ErrorCode::not_found, path, "{}: holds neither tokenizer.json nor tokenizer.model", path);
    }
    file = fs::exists(json, ec) ? json.string() : model.string();
  }
  MLXS_TRY(const std::string bytes, read_file(file, kTokenizerFileBytesMax));
  return file.ends_with(".model") ? parse_sentencepiece(bytes, file) : parse(bytes, file);
}

Result<std::shared_ptr<const Tokenizer>> Tokenizer::parse(std::string_view json, const std::string& name) {
  MLXS_TRY(TokenizerParts parts, parse_tokenizer_file(json, name));
  return std::shared_ptr<const Tokenizer>(new Tokenizer(std::make_unique<Impl>(std::move(parts))));
}

Result<std::shared_ptr<const Tokenizer>> Tokenizer::parse_sentencepiece(std::string_view bytes,
                                                                        const std::string& name) {
  MLXS_TRY(TokenizerParts parts, parse_sentencepiece_file(bytes, name));
  return std::shared_ptr<const Tokenizer>(new Tokenizer(std::make_unique<Impl>(std::move(parts))));
}

Result<Encoding> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  if (options.parse_special) return impl_->encode(text, options, nullptr);
  const SpanGuard guard(impl_->parts.added, impl_->parts.model->ids_end());
  return impl_->encode(text, options, &guard);
}

Result<Encoding> Tokenizer::encode(std::span<const Span> spans, const EncodeOptions& options) const {
  SpanGuard guard(impl_->parts.added, impl_->parts.model->ids_end());
  std::string text;
  for (const Span& span : spans) {
    const size_t begin = text.size();
    // Each span by itself: half a character of one must not complete in the next.
    text += utf8::to_valid(span.text);
    if (text.size() > kTextBytesMax) break;
    if (span.trusted && options.parse_special)
      guard.add(static_cast<uint32_t>(begin), static_cast<uint32_t>(text.size()));
  }
  return impl_->encode(text, options, &guard);
}

std::string Tokenizer::decode(std::span<const TokenId> ids, const DecodeOptions& options) const {
  const auto stream = impl_->parts.decoder.start({});
  std::string text;
  for (const TokenId id : ids) {
    if (auto input = decoder_input(id, options.skip_special_tokens)) text += stream->push(std::move(*input));
  }
  return text += stream->finish();
}

size_t Tokenizer::vocabulary_size() const { return impl_->ids_end(); }

std::optional<TokenId> Tokenizer::token_to_id(std::string_view token) const {
  const auto added = impl_->parts.added.id_of(token);
  return added ? added : impl_->parts.model->id_of(token);
}

std::optional<std::string> Tokenizer::id_to_token(TokenId id) const {
  if (const AddedToken* token = impl_->parts.added.find(id)) return token->content;
  return impl_->parts.model->token_of(id);
}

std::string_view Tokenizer::token_bytes(TokenId id) const {
  std::call_once(impl_->bytes_once, [this] { impl_->find_token_bytes(); });
  if (id + size_t{1} >= impl_->bytes_begin.size()) return {};
  const uint32_t begin = impl_->bytes_begin[id];
  return std::string_view(impl_->bytes_arena).substr(begin, impl_->bytes_begin[id + 1] - begin);
}

bool Tokenizer::is_special(TokenId id) const {
  const AddedToken* token = impl_->parts.added.find(id);
  return token != nullptr && token->special;
}

std::optional<std::string> Tokenizer::decoder_input(TokenId id, bool skip_special_tokens) const {
  auto input = impl_->decoder_input(id);
  if (input && skip_special_tokens && impl_->parts.added.is_special(*input)) return std::nullopt;
  return input;
}

std::unique_ptr<DecodeStream> Tokenizer::decode_stream(bool continues_text) const {
  return impl_->parts.decoder.start({.continues_text = continues_text});
}

}  // namespace mlxserving::text
