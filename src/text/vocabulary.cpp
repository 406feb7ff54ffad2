#include "text/vocabulary.h"

#include <bit>
#include <cstring>

#include "core/result.h"

namespace mlxserving::text {
namespace {

__extension__ using Wide = unsigned __int128;

uint64_t mix(uint64_t a, uint64_t b) {
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

uint64_t load(const char* p, size_t bytes) {
  uint64_t word = 0;
  std::memcpy(&word, p, bytes);
  return word;
}

constexpr uint64_t kSeed1 = 0x9E3779B97F4A7C15;
constexpr uint64_t kSeed2 = 0xD6E8FEB86659FD93;

}  // namespace

uint64_t hash_bytes(std::string_view bytes) {
  const char* p = bytes.data();
  size_t n = bytes.size();
  uint64_t h = kSeed1 ^ n;
  for (; n > 16; p += 16, n -= 16) h = mix(load(p, 8) ^ kSeed2, load(p + 8, 8) ^ h);
  if (n >= 8) return mix(load(p, 8) ^ kSeed2, load(p + n - 8, 8) ^ h);
  if (n >= 4) return mix(load(p, 4) ^ kSeed2, load(p + n - 4, 4) ^ h);
  return mix(load(p, n) ^ kSeed2, h);
}

void Vocabulary::reserve(size_t tokens, size_t bytes_expected) {
  arena_.reserve(bytes_expected);
  entries_.reserve(tokens);
  grow(std::bit_ceil(tokens + tokens / 2 + 16));
}

void Vocabulary::grow(size_t slots) {
  slots_.assign(slots, {});
  for (TokenId id = 0; id < entries_.size(); ++id) {
    if (!has(id)) continue;
    const uint64_t hash = hash_bytes(at(id));
    slots_[slot_of(at(id), hash)] = {static_cast<uint32_t>(hash >> 32), id + 1, entries_[id].begin, entries_[id].bytes};
  }
}

// Where `token` is, or the empty slot where it belongs.
size_t Vocabulary::slot_of(std::string_view token, uint64_t hash) const {
  const size_t mask = slots_.size() - 1;
  const auto tag = static_cast<uint32_t>(hash >> 32);
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    const Slot& slot = slots_[i];
    if (slot.id_plus_1 == 0) return i;
    if (slot.tag == tag && std::string_view(arena_.data() + slot.begin, slot.bytes) == token) return i;
  }
}

Result<void> Vocabulary::add(std::string_view token, TokenId id) {
  if (id >= kVocabularyMax) {
    return fail(ErrorCode::resource_exhausted, "vocab", "vocab: ids must be below {}, found {}", kVocabularyMax, id);
  }
  if (token.size() > kTokenBytesMax || arena_.size() + token.size() > UINT32_MAX) {
    return fail(ErrorCode::resource_exhausted, "vocab", "vocab: a token may have at most {} bytes, found {}",
                kTokenBytesMax, token.size());
  }
  if (has(id) && at(id) != token) {
    return fail(ErrorCode::invalid_model, "vocab", "vocab: id {} must belong to one token, found '{}' and '{}'", id,
                at(id), token);
  }
  if (2 * slots_.size() < 3 * (size_ + 1)) grow(std::bit_ceil(4 * size_ + 16));
  if (id >= entries_.size()) entries_.resize(id + 1);
  const uint64_t hash = hash_bytes(token);
  Slot& slot = slots_[slot_of(token, hash)];
  const bool is_new = slot.id_plus_1 == 0;
  const uint32_t begin = is_new ? static_cast<uint32_t>(arena_.size()) : slot.begin;
  if (is_new) {
    arena_.append(token);
    ++size_;
  }
  slot = {static_cast<uint32_t>(hash >> 32), id + 1, begin, static_cast<uint32_t>(token.size())};
  entries_[id] = {begin, static_cast<uint32_t>(token.size())};
  return {};
}

int32_t Vocabulary::find_id(std::string_view token) const { return find_id(token, hash_bytes(token)); }

int32_t Vocabulary::find_id(std::string_view token, uint64_t hash) const {
  if (slots_.empty()) return -1;
  const Slot& slot = slots_[slot_of(token, hash)];
  return static_cast<int32_t>(slot.id_plus_1) - 1;
}

}  // namespace mlxserving::text
