// A piece goes through three stages, each rarer and slower than the one before: a cache of short pieces compared as two
// machine words, a cache of longer ones, and the merges themselves. Text that comes in one long piece (no
// pre-tokenizer) is first cut where no merge can reach across.
#include "text/bpe.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <functional>
#include <span>

#include "core/result.h"
#include "core/utf8.h"
#include "text/byte_alphabet.h"
#include "text/merge_table.h"

namespace mlxserving::text {
namespace {

constexpr size_t kShortBytesMax = 15;
constexpr size_t kShortIdsMax = 3;
constexpr size_t kShortSlots = size_t{1} << 15;  // 1 MB: about the second-level cache of a core
constexpr size_t kLongBytesMax = 80;
constexpr size_t kLongIdsMax = 32;
constexpr size_t kLongSlots = size_t{1} << 12;
constexpr size_t kScanSymbolsMax = 40;   // up to here looking at all pairs beats a heap
constexpr size_t kSafeCutBytesMin = 16;  // shorter pieces are cached whole
constexpr uint32_t kNoLength = UINT32_MAX;
constexpr char32_t kSpaceMark = 0x2581;  // SentencePiece's sign for a space

// A symbol of a piece while it is merged.
struct Symbol {
  TokenId id;
  uint32_t bytes;  // of the piece that it stands for
};

// A piece of at most 15 bytes as two words: its bytes, zeros, and the length in the last byte.
struct ShortKey {
  uint64_t low = 0;
  uint64_t high = 0;
  bool operator==(const ShortKey&) const = default;
};

struct ShortSlot {
  ShortKey key;
  std::array<TokenId, kShortIdsMax> ids{};
  uint32_t count = 0;
};

struct LongSlot {
  uint64_t hash = 0;
  uint16_t bytes = 0;
  uint16_t count = 0;
  std::array<char, kLongBytesMax> text{};
  std::array<TokenId, kLongIdsMax> ids{};
};

struct BpeScratch final : ModelScratch {
  std::vector<ShortSlot> shorts = std::vector<ShortSlot>(kShortSlots);
  std::vector<LongSlot> longs = std::vector<LongSlot>(kLongSlots);
  std::vector<Symbol> symbols;
  std::vector<Merge> merges;  // merges[i]: of symbol i and the one behind it
  std::vector<uint32_t> previous;
  std::vector<uint32_t> next;
  std::vector<uint64_t> heap;
  bool lacks_unk = false;  // a character was unknown, and the unknown token is no token
};

constexpr auto kMasks = [] {
  std::array<ShortKey, kShortBytesMax + 1> masks{};
  for (size_t n = 0; n <= kShortBytesMax; ++n) {
    masks[n].low = n >= 8 ? UINT64_MAX : (uint64_t{1} << 8 * n) - 1;
    masks[n].high = n <= 8 ? 0 : (uint64_t{1} << 8 * (n - 8)) - 1;
  }
  return masks;
}();

static_assert(std::endian::native == std::endian::little, "ShortKey masks the first bytes of a word");

// `readable`: bytes from text.data() on that may be read.
ShortKey short_key(std::string_view text, size_t readable) {
  ShortKey key;
  if (readable >= sizeof key) {
    std::memcpy(&key, text.data(), sizeof key);
    key.low &= kMasks[text.size()].low;
    key.high &= kMasks[text.size()].high;
  } else {
    std::memcpy(&key, text.data(), text.size());
  }
  key.high |= uint64_t{text.size()} << 56;
  return key;
}

size_t short_slot(const ShortKey& key) {
  const uint64_t mixed = (key.low ^ std::rotl(key.high, 23)) * 0x9E3779B97F4A7C15;
  return mixed >> (64 - std::countr_zero(kShortSlots));
}

// Pairs of neighbouring characters that some merge joins. Exact for ASCII and the space mark (which shares the place of
// NUL); beyond, a pair may be taken for one by mistake, which only makes a piece longer.
class JoinedPairs {
 public:
  void add(std::string_view token) {
    while (!token.empty()) {
      const utf8::Decoded first = utf8::decode(token);
      token.remove_prefix(first.bytes);
      if (token.empty()) return;
      set(first.code_point, utf8::decode(token).code_point);
    }
  }

  bool may_join(char32_t a, char32_t b) const {
    a = small(a);
    b = small(b);
    return (a | b) < 0x80 ? bit(ascii_, a << 7 | b) : bit(hashed_, slot(a, b));
  }

 private:
  static constexpr int kHashedBits = 21;

  static char32_t small(char32_t c) { return c == kSpaceMark ? 0 : c; }

  static uint32_t slot(char32_t a, char32_t b) {
    return static_cast<uint32_t>((uint64_t{a} << 21 | b) * 0x9E3779B97F4A7C15 >> (64 - kHashedBits));
  }
  static bool bit(const std::vector<uint64_t>& words, uint32_t i) { return (words[i >> 6] >> (i & 63) & 1) != 0; }

  void set(char32_t a, char32_t b) {
    a = small(a);
    b = small(b);
    const bool is_ascii = (a | b) < 0x80;
    const uint32_t i = is_ascii ? a << 7 | b : slot(a, b);
    (is_ascii ? ascii_ : hashed_)[i >> 6] |= uint64_t{1} << (i & 63);
  }

  std::vector<uint64_t> ascii_ = std::vector<uint64_t>((1U << 14) / 64);
  std::vector<uint64_t> hashed_ = std::vector<uint64_t>((1U << kHashedBits) / 64);
};

// Most of a text are ASCII and space marks.
utf8::Decoded decode_fast(std::string_view text) {
  const auto lead = static_cast<uint8_t>(text[0]);
  if (lead < 0x80) return {lead, 1, true};
  if (text.starts_with("\u2581")) return {kSpaceMark, 3, true};
  return utf8::decode(text);
}

struct Tables {
  BpeOptions options;
  Vocabulary keys;  // byte_level: raw bytes
  Vocabulary odd;   // byte_level: strings outside the alphabet, which no piece can spell
  MergeTable merges;
  std::vector<uint32_t> lengths;        // by id: bytes of a piece that it stands for, kNoLength when that varies
  std::array<int32_t, 256> byte_ids{};  // byte_level: of each byte; byte_fallback: of <0xHH>; -1 when there is none
  std::array<int32_t, 128> ascii_ids{};
  std::optional<TokenId> unk;
  bool falls_back_always = false;     // every byte has its token
  std::optional<JoinedPairs> joined;  // when long pieces may be cut
};

class Bpe final : public Model {
 public:
  explicit Bpe(Tables tables) : t_(std::move(tables)) {}

  Result<void> encode(const PreTokenized& text, ModelScratch& scratch, ModelOutput& out) const override;
  std::unique_ptr<ModelScratch> make_scratch() const override { return std::make_unique<BpeScratch>(); }

  size_t size() const override { return t_.keys.size() + t_.odd.size(); }
  size_t ids_end() const override { return std::max(t_.keys.ids_end(), t_.odd.ids_end()); }
  std::optional<TokenId> id_of(std::string_view token) const override;
  std::optional<std::string> token_of(TokenId id) const override;

 private:
  // The stretch of a piece that is looked up at once: [begin, begin + text.size()) of it.
  struct Stretch {
    std::string_view text;
    size_t readable;  // bytes from text.data() to the end of the buffer
    uint32_t piece;
    uint32_t begin;
  };

  void encode_stretch(const Stretch& stretch, BpeScratch& scratch, ModelOutput& out) const;
  void encode_short(const Stretch& stretch, BpeScratch& scratch, ModelOutput& out) const;
  void encode_long(const Stretch& stretch, BpeScratch& scratch, ModelOutput& out) const;
  void encode_cut(const Stretch& piece, BpeScratch& scratch, ModelOutput& out) const;
  void append(const Stretch& stretch, const TokenId* ids, size_t count, BpeScratch& scratch, ModelOutput& out) const;
  void append_extents(const Stretch& stretch, const TokenId* ids, size_t count, BpeScratch& scratch,
                      ModelOutput& out) const;

  void tokenize(std::string_view piece, BpeScratch& scratch) const;
  void make_symbols(std::string_view piece, BpeScratch& scratch) const;
  int32_t char_id(std::string_view character, bool is_first, bool is_last) const;
  bool fall_back(std::string_view character, bool is_first, bool is_last, std::vector<Symbol>& symbols) const;
  void merge_by_scan(BpeScratch& scratch) const;
  void merge_by_heap(BpeScratch& scratch) const;

  Tables t_;
};

Result<void> Bpe::encode(const PreTokenized& text, ModelScratch& scratch_base, ModelOutput& out) const {
  auto& scratch = static_cast<BpeScratch&>(scratch_base);
  scratch.lacks_unk = false;
  const std::string_view all = text.text();
  out.ids.reserve(out.ids.size() + all.size() / 3 + 16);
  for (uint32_t i = 0; i < text.pieces().size(); ++i) {
    const Piece& piece = text.pieces()[i];
    if (piece.is_token()) {
      out.put(static_cast<TokenId>(piece.token), {i, 0, piece.end - piece.begin});
      continue;
    }
    const Stretch stretch{text.text_of(piece), all.size() - piece.begin, i, 0};
    if (t_.joined && stretch.text.size() >= kSafeCutBytesMin) {
      encode_cut(stretch, scratch, out);
    } else {
      encode_stretch(stretch, scratch, out);
    }
  }
  if (scratch.lacks_unk) {
    return fail(ErrorCode::invalid_model, "unk_token", "unk_token '{}' must be in the vocabulary",
                *t_.options.unk_token);
  }
  return {};
}

// Cuts between characters that no merge joins: both sides come out the same alone as together.
void Bpe::encode_cut(const Stretch& piece, BpeScratch& scratch, ModelOutput& out) const {
  const std::string_view text = piece.text;
  size_t begin = 0;
  utf8::Decoded last = utf8::decode(text);
  for (size_t at = last.bytes; at <= text.size();) {
    const utf8::Decoded here = at < text.size() ? decode_fast(text.substr(at)) : utf8::Decoded{0, 1, true};
    if (at == text.size() || !t_.joined->may_join(last.code_point, here.code_point)) {
      const auto start = static_cast<uint32_t>(begin);
      encode_stretch({text.substr(begin, at - begin), piece.readable - begin, piece.piece, piece.begin + start},
                     scratch, out);
      begin = at;
    }
    last = here;
    at += here.bytes;
  }
}

void Bpe::encode_stretch(const Stretch& stretch, BpeScratch& scratch, ModelOutput& out) const {
  if (stretch.text.size() <= kShortBytesMax) {
    encode_short(stretch, scratch, out);
  } else {
    encode_long(stretch, scratch, out);
  }
}

void Bpe::encode_short(const Stretch& stretch, BpeScratch& scratch, ModelOutput& out) const {
  const ShortKey key = short_key(stretch.text, stretch.readable);
  ShortSlot& slot = scratch.shorts[short_slot(key)];
  if (slot.key == key) return append(stretch, slot.ids.data(), slot.count, scratch, out);
  tokenize(stretch.text, scratch);
  std::array<TokenId, kShortBytesMax * 4> ids;  // a byte may fall back to more tokens where a suffix is added
  const std::vector<Symbol>& symbols = scratch.symbols;
  if (symbols.size() <= kShortIdsMax) {
    slot.key = key;
    slot.count = static_cast<uint32_t>(symbols.size());
    for (size_t i = 0; i < symbols.size(); ++i) slot.ids[i] = symbols[i].id;
    return append(stretch, slot.ids.data(), slot.count, scratch, out);
  }
  if (symbols.size() > ids.size()) return encode_long(stretch, scratch, out);
  for (size_t i = 0; i < symbols.size(); ++i) ids[i] = symbols[i].id;
  append(stretch, ids.data(), symbols.size(), scratch, out);
}

void Bpe::encode_long(const Stretch& stretch, BpeScratch& scratch, ModelOutput& out) const {
  const std::string_view text = stretch.text;
  const uint64_t hash = hash_bytes(text);
  LongSlot& slot = scratch.longs[hash >> (64 - std::countr_zero(kLongSlots))];
  const bool fits = text.size() <= kLongBytesMax;
  if (fits && slot.hash == hash && std::string_view(slot.text.data(), slot.bytes) == text) {
    return append(stretch, slot.ids.data(), slot.count, scratch, out);
  }
  tokenize(text, scratch);
  std::vector<TokenId> ids(scratch.symbols.size());
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = scratch.symbols[i].id;
  if (fits && ids.size() <= kLongIdsMax) {
    slot.hash = hash;
    slot.bytes = static_cast<uint16_t>(text.size());
    slot.count = static_cast<uint16_t>(ids.size());
    std::copy(text.begin(), text.end(), slot.text.begin());
    std::copy(ids.begin(), ids.end(), slot.ids.begin());
  }
  append(stretch, ids.data(), ids.size(), scratch, out);
}

void Bpe::append(const Stretch& stretch, const TokenId* ids, size_t count, BpeScratch& scratch,
                 ModelOutput& out) const {
  out.ids.insert(out.ids.end(), ids, ids + count);
  if (out.wants_extents) append_extents(stretch, ids, count, scratch, out);
}

void Bpe::append_extents(const Stretch& stretch, const TokenId* ids, size_t count, BpeScratch& scratch,
                         ModelOutput& out) const {
  const size_t first = out.extents.size();
  uint64_t at = stretch.begin;
  for (size_t i = 0; i < count; ++i) {
    const uint32_t bytes = t_.lengths[ids[i]];
    out.extents.push_back({stretch.piece, static_cast<uint32_t>(at), static_cast<uint32_t>(at + bytes)});
    at = bytes == kNoLength ? UINT32_MAX : at + bytes;
  }
  if (at == stretch.begin + stretch.text.size()) return;
  // Tokens whose length is not their own, such as the unknown one: only the merges know.
  out.extents.resize(first);
  tokenize(stretch.text, scratch);
  uint32_t begin = stretch.begin;
  for (const Symbol& s : scratch.symbols) {
    out.extents.push_back({stretch.piece, begin, begin + s.bytes});
    begin += s.bytes;
  }
}

// Leaves the tokens of a piece in scratch.symbols.
void Bpe::tokenize(std::string_view piece, BpeScratch& scratch) const {
  scratch.symbols.clear();
  if (t_.options.ignore_merges) {
    if (const int32_t id = t_.keys.find_id(piece); id >= 0) {
      scratch.symbols.push_back({static_cast<TokenId>(id), static_cast<uint32_t>(piece.size())});
      return;
    }
  }
  make_symbols(piece, scratch);
  if (scratch.symbols.size() < 2) return;
  if (scratch.symbols.size() <= kScanSymbolsMax) {
    merge_by_scan(scratch);
  } else {
    merge_by_heap(scratch);
  }
}

void Bpe::make_symbols(std::string_view piece, BpeScratch& scratch) const {
  std::vector<Symbol>& symbols = scratch.symbols;
  std::optional<Symbol> unknown;  // held back, so that the next one may fuse with it
  const auto flush_unknown = [&] {
    if (unknown) symbols.push_back(*unknown);
    unknown.reset();
  };
  for (size_t at = 0; at < piece.size();) {
    const size_t bytes = t_.options.byte_level ? 1 : utf8::decode(piece.substr(at)).bytes;
    const std::string_view character = piece.substr(at, bytes);
    const bool is_first = at == 0;
    at += bytes;
    const bool is_last = at == piece.size();
    const auto length = static_cast<uint32_t>(bytes);
    if (const int32_t id = char_id(character, is_first, is_last); id >= 0) {
      flush_unknown();
      symbols.push_back({static_cast<TokenId>(id), length});
    } else if (t_.options.byte_fallback && fall_back(character, is_first, is_last, symbols)) {
      // The reference lets a held back unknown token pass behind these.
    } else if (t_.unk) {
      if (unknown && t_.options.fuse_unk) {
        unknown->bytes += length;
      } else {
        flush_unknown();
        unknown = Symbol{*t_.unk, length};
      }
    } else if (t_.options.unk_token) {
      scratch.lacks_unk = true;
    }
  }
  flush_unknown();
}

// The token that a character begins as, -1 when it is unknown.
int32_t Bpe::char_id(std::string_view character, bool is_first, bool is_last) const {
  const bool has_prefix = !is_first && !t_.options.continuing_subword_prefix.empty();
  const bool has_suffix = is_last && !t_.options.end_of_word_suffix.empty();
  if (!has_prefix && !has_suffix) {
    const auto byte = static_cast<uint8_t>(character[0]);
    if (t_.options.byte_level) return t_.byte_ids[byte];
    return byte < 0x80 ? t_.ascii_ids[byte] : t_.keys.find_id(character);
  }
  std::string key = has_prefix ? t_.options.continuing_subword_prefix : std::string();
  key += character;
  if (has_suffix) key += t_.options.end_of_word_suffix;
  return t_.keys.find_id(key);
}

// One token a byte, of prefix and suffix too; nothing when one of them has none.
bool Bpe::fall_back(std::string_view character, bool is_first, bool is_last, std::vector<Symbol>& symbols) const {
  const size_t before = symbols.size();
  const auto put = [&](std::string_view bytes) {
    for (const char byte : bytes) {
      const int32_t id = t_.byte_ids[static_cast<uint8_t>(byte)];
      if (id < 0) return false;
      symbols.push_back({static_cast<TokenId>(id), 1});
    }
    return true;
  };
  if ((is_first || put(t_.options.continuing_subword_prefix)) && put(character) &&
      (!is_last || put(t_.options.end_of_word_suffix))) {
    return true;
  }
  symbols.resize(before);
  return false;
}

void Bpe::merge_by_scan(BpeScratch& scratch) const {
  std::vector<Symbol>& symbols = scratch.symbols;
  std::array<Merge, kScanSymbolsMax> merges;
  size_t count = symbols.size();
  for (size_t i = 0; i + 1 < count; ++i) merges[i] = t_.merges.find(symbols[i].id, symbols[i + 1].id);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i) {
      if (merges[i].rank < merges[best].rank) best = i;
    }
    if (merges[best].rank == kNoRank) break;
    symbols[best] = {merges[best].id, symbols[best].bytes + symbols[best + 1].bytes};
    std::copy(symbols.begin() + best + 2, symbols.begin() + count, symbols.begin() + best + 1);
    std::copy(merges.begin() + best + 2, merges.begin() + count, merges.begin() + best + 1);
    --count;
    if (best > 0) merges[best - 1] = t_.merges.find(symbols[best - 1].id, symbols[best].id);
    if (best + 1 < count) merges[best] = t_.merges.find(symbols[best].id, symbols[best + 1].id);
  }
  symbols.resize(count);
}

// O(n log n): what keeps a run of 100,000 letters from being quadratic.
void Bpe::merge_by_heap(BpeScratch& scratch) const {
  constexpr uint32_t kNone = UINT32_MAX;
  std::vector<Symbol>& symbols = scratch.symbols;
  const auto count = static_cast<uint32_t>(symbols.size());
  std::vector<uint64_t>& heap = scratch.heap;
  scratch.merges.assign(count, {});
  scratch.previous.resize(count);
  scratch.next.resize(count);
  heap.clear();
  const auto look = [&](uint32_t i) {
    const Merge merge = t_.merges.find(symbols[i].id, symbols[scratch.next[i]].id);
    scratch.merges[i] = merge;
    if (merge.rank != kNoRank) heap.push_back(uint64_t{merge.rank} << 32 | i);
    return merge.rank != kNoRank;
  };
  const auto push = [&](uint32_t i) {
    if (look(i)) std::push_heap(heap.begin(), heap.end(), std::greater<>());
  };
  for (uint32_t i = 0; i < count; ++i) {
    scratch.previous[i] = i == 0 ? kNone : i - 1;
    scratch.next[i] = i + 1 == count ? kNone : i + 1;
    if (i + 1 < count) look(i);
  }
  std::make_heap(heap.begin(), heap.end(), std::greater<>());
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    const uint64_t top = heap.back();
    heap.pop_back();
    const auto at = static_cast<uint32_t>(top);
    if (scratch.merges[at].rank != top >> 32) continue;  // the pair has changed since
    const uint32_t right = scratch.next[at];
    symbols[at] = {scratch.merges[at].id, symbols[at].bytes + symbols[right].bytes};
    symbols[right].bytes = 0;
    scratch.merges[right].rank = kNoRank;
    scratch.merges[at].rank = kNoRank;
    scratch.next[at] = scratch.next[right];
    if (scratch.next[at] != kNone) {
      scratch.previous[scratch.next[at]] = at;
      push(at);
    }
    if (scratch.previous[at] != kNone) push(scratch.previous[at]);
  }
  std::erase_if(symbols, [](const Symbol& s) { return s.bytes == 0; });
}

std::optional<TokenId> Bpe::id_of(std::string_view token) const {
  if (!t_.options.byte_level) return t_.keys.find(token);
  const auto bytes = bytes_of_alphabet(token);
  return bytes ? t_.keys.find(*bytes) : t_.odd.find(token);
}

std::optional<std::string> Bpe::token_of(TokenId id) const {
  if (t_.odd.has(id)) return std::string(t_.odd.at(id));
  if (!t_.keys.has(id)) return std::nullopt;
  return t_.options.byte_level ? alphabet_of_bytes(t_.keys.at(id)) : std::string(t_.keys.at(id));
}

}  // namespace

class BpeBuilder::State {
 public:
  Tables tables;
  std::string left;
  std::string right;
  uint32_t rank = 0;

  // The key of a string of the file in `tables.keys`; false when no piece can spell it.
  bool key_of(std::string_view token, std::string& key) const {
    if (tables.options.byte_level) return bytes_of_alphabet(token, key);
    key.assign(token);
    return true;
  }

  static Error unknown(std::string_view token) {
    return fail(ErrorCode::invalid_model, "merges", "merges: token '{}' must be in the vocabulary", token);
  }

  // Left, right and what they merge into.
  struct PendingMerge {
    uint32_t rank = 0;
    std::array<std::string, 3> keys;
    std::array<uint64_t, 3> hashes{};
    std::array<int32_t, 3> ids{};
  };
  std::array<PendingMerge, 32> pending;
  size_t pending_count = 0;

  Result<void> resolve_merges();
  void find_bytes();
  void find_lengths();
  void find_joined_pairs();
};

void BpeBuilder::State::find_bytes() {
  tables.ascii_ids.fill(-1);
  for (int i = 0; i < 256; ++i) {
    const char byte = static_cast<char>(i);
    const std::string key = tables.options.byte_level ? std::string(1, byte) : fmt::format("<0x{:02X}>", i);
    tables.byte_ids[i] = tables.keys.find_id(key);
    if (i < 128) tables.ascii_ids[i] = tables.keys.find_id({&byte, 1});
  }
  // An ASCII character that is a token never has to fall back.
  tables.falls_back_always = tables.options.byte_fallback;
  for (int i = 0; i < 256; ++i) {
    const bool has_token = tables.byte_ids[i] >= 0 || (i < 128 && tables.ascii_ids[i] >= 0);
    tables.falls_back_always = tables.falls_back_always && has_token;
  }
}

void BpeBuilder::State::find_lengths() {
  const auto ids = static_cast<TokenId>(std::max(tables.keys.ids_end(), tables.odd.ids_end()));
  tables.lengths.assign(ids, kNoLength);
  // With affixes a token's own bytes are not those of the text, and where characters drop out the sums may still agree.
  if (!tables.options.continuing_subword_prefix.empty() || !tables.options.end_of_word_suffix.empty()) return;
  for (TokenId id = 0; id < ids; ++id) {
    if (tables.keys.has(id)) tables.lengths[id] = static_cast<uint32_t>(tables.keys.at(id).size());
  }
  if (tables.options.byte_fallback) {
    for (const int32_t id : tables.byte_ids) {
      if (id >= 0) tables.lengths[id] = 1;
    }
  }
  if (tables.unk) tables.lengths[*tables.unk] = kNoLength;
}

// Long pieces may be cut when every symbol comes from one character alone: nothing is unknown (unknown ones fuse), and
// no merge starts from the bytes that a character fell back to.
void BpeBuilder::State::find_joined_pairs() {
  const BpeOptions& o = tables.options;
  if (o.byte_level || o.ignore_merges || !tables.falls_back_always) return;
  if (!o.continuing_subword_prefix.empty() || !o.end_of_word_suffix.empty()) return;
  std::vector<bool> is_byte(tables.lengths.size());
  for (const int32_t id : tables.byte_ids) {
    if (id >= 0) is_byte[id] = true;
  }
  bool merges_bytes = false;
  std::vector<bool> is_merged(tables.lengths.size());
  tables.merges.each([&](uint32_t a, uint32_t b, Merge merge) {
    merges_bytes = merges_bytes || is_byte[a] || is_byte[b];
    is_merged[merge.id] = true;
  });
  if (merges_bytes) return;
  tables.joined.emplace();
  for (TokenId id = 0; id < is_merged.size(); ++id) {
    if (is_merged[id]) tables.joined->add(tables.keys.at(id));
  }
}

BpeBuilder::BpeBuilder(BpeOptions options) : state_(std::make_unique<State>()) {
  state_->tables.options = std::move(options);
}

BpeBuilder::~BpeBuilder() = default;

void BpeBuilder::reserve(size_t tokens, size_t bytes, size_t merges) {
  state_->tables.keys.reserve(tokens, bytes);
  state_->tables.merges.reserve(merges);
}

Result<void> BpeBuilder::add_token(std::string_view token, TokenId id) {
  Tables& tables = state_->tables;
  if (!tables.options.byte_level) return tables.keys.add(token, id);
  return bytes_of_alphabet(token, state_->left) ? tables.keys.add(state_->left, id) : tables.odd.add(token, id);
}

Result<void> BpeBuilder::add_merge(std::string_view left, std::string_view right) {
  return add_merge(left, right, state_->rank++);
}

Result<void> BpeBuilder::add_merge(std::string_view left, std::string_view right, uint32_t rank) {
  const std::string& prefix = state_->tables.options.continuing_subword_prefix;
  if (right.size() < prefix.size()) return State::unknown(right);
  // What no piece can spell has no merges.
  if (!state_->key_of(left, state_->left) || !state_->key_of(right, state_->right)) return {};
  State::PendingMerge& merge = state_->pending[state_->pending_count++];
  merge.rank = rank;
  merge.keys[0] = state_->left;
  merge.keys[1] = state_->right;
  merge.keys[2].assign(state_->left).append(state_->right, prefix.size());
  return state_->pending_count == state_->pending.size() ? state_->resolve_merges() : Result<void>();
}

// The tables are far larger than the caches: what would be one wait for memory after the other are many at once.
Result<void> BpeBuilder::State::resolve_merges() {
  const auto merges = std::span(pending).first(std::exchange(pending_count, 0));
  for (PendingMerge& merge : merges) {
    for (int i = 0; i < 3; ++i) {
      merge.hashes[i] = hash_bytes(merge.keys[i]);
      tables.keys.prefetch_slot(merge.hashes[i]);
    }
  }
  for (const PendingMerge& merge : merges) {
    for (const uint64_t hash : merge.hashes) tables.keys.prefetch_text(hash);
  }
  for (PendingMerge& merge : merges) {
    for (int i = 0; i < 3; ++i) {
      merge.ids[i] = tables.keys.find_id(merge.keys[i], merge.hashes[i]);
      if (merge.ids[i] < 0)
        return unknown(tables.options.byte_level ? alphabet_of_bytes(merge.keys[i]) : merge.keys[i]);
    }
    tables.merges.prefetch(static_cast<uint32_t>(merge.ids[0]), static_cast<uint32_t>(merge.ids[1]));
  }
  for (const PendingMerge& merge : merges) {
    tables.merges.add(static_cast<uint32_t>(merge.ids[0]), static_cast<uint32_t>(merge.ids[1]),
                      {merge.rank, static_cast<uint32_t>(merge.ids[2])});
  }
  return {};
}

Result<std::unique_ptr<const Model>> BpeBuilder::build() {
  MLXS_CHECKED(state_->resolve_merges());
  Tables& tables = state_->tables;
  if (tables.options.unk_token) {
    std::string key;
    if (state_->key_of(*tables.options.unk_token, key)) tables.unk = tables.keys.find(key);
    if (!tables.unk) tables.unk = tables.odd.find(*tables.options.unk_token);
  }
  state_->find_bytes();
  state_->find_lengths();
  state_->find_joined_pairs();
  return std::unique_ptr<const Model>(std::make_unique<Bpe>(std::move(tables)));
}

}  // namespace mlxserving::text
