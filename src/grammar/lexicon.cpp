#include "grammar/lexicon.h"

#include <algorithm>

namespace mlxserving::grammar {
namespace {

uint64_t mix(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9FB21C651E98DF25ULL;
  return hash ^ (hash >> 29);
}

}  // namespace

Lexicon::Lexicon(const Limits& limits) : limits_(limits), pool_(limits.pool), states_(2) {}

LexId Lexicon::state(std::vector<TaggedRegex> parts) {
  std::erase_if(parts, [&](const TaggedRegex& part) { return pool_.is_empty(part.regex); });
  std::ranges::sort(parts);
  for (size_t i = 0; i + 1 < parts.size();) {
    if (parts[i].tag != parts[i + 1].tag) {
      ++i;
      continue;
    }
    parts[i].regex = pool_.any_of({parts[i].regex, parts[i + 1].regex});
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(i) + 1);
  }
  if (parts.empty()) return kDead;
  uint64_t hash = parts.size();
  for (const TaggedRegex& part : parts) hash = mix(mix(hash, part.tag), part.regex);
  const auto [from, to] = index_.equal_range(hash);
  for (auto entry = from; entry != to; ++entry) {
    if (std::ranges::equal(this->parts(entry->second), parts)) return entry->second;
  }
  if (exhausted_ || states_.size() >= limits_.states_max) {
    exhausted_ = true;
    return kDead;
  }
  State state;
  state.parts_at = static_cast<uint32_t>(parts_.size());
  state.parts_count = static_cast<uint32_t>(parts.size());
  state.tags_at = static_cast<uint32_t>(tags_.size());
  for (const TaggedRegex& part : parts) {
    const bool is_nullable = pool_.is_nullable(part.regex);
    if (is_nullable) tags_.push_back(part.tag);
    state.goes_on = state.goes_on || !is_nullable || leads_on(part.regex);
  }
  state.tags_count = static_cast<uint32_t>(tags_.size()) - state.tags_at;
  parts_.insert(parts_.end(), parts.begin(), parts.end());
  states_.push_back(state);
  const auto id = static_cast<LexId>(states_.size() - 1);
  index_.emplace(hash, id);
  return id;
}

// A nullable language may have nothing beyond the empty text; only its moves tell.
bool Lexicon::leads_on(RegexId regex) {
  return std::ranges::any_of(pool_.moves(regex), [&](const Move& move) { return !pool_.is_empty(move.to); });
}

std::span<const TaggedRegex> Lexicon::parts(LexId state) const {
  return {parts_.data() + states_[state].parts_at, states_[state].parts_count};
}

std::span<const uint32_t> Lexicon::complete_tags(LexId state) const {
  return {tags_.data() + states_[state].tags_at, states_[state].tags_count};
}

void Lexicon::add_row(LexId state) {
  states_[state].row = static_cast<uint32_t>(rows_.size());
  rows_.emplace_back().fill(kUnresolved);
}

// Where the byte leads, and with it all those around it that no part tells from it.
LexId Lexicon::resolve(LexId from, uint8_t byte) {
  uint8_t lo = 0, hi = 255;
  std::vector<TaggedRegex> to;
  for (const TaggedRegex& part : parts(from)) {
    const Move move = pool_.move_at(part.regex, byte);
    lo = std::max(lo, move.lo);
    hi = std::min(hi, move.hi);
    if (move.to != kNothing) to.push_back({part.tag, move.to});
  }
  const LexId result = to.empty() ? kDead : state(std::move(to));
  auto& row = rows_[states_[from].row];
  std::fill(row.begin() + lo, row.begin() + hi + 1, result);
  return result;
}

uint64_t Lexicon::content_hash(LexId id) const {
  uint64_t hash = 0;
  for (const TaggedRegex& part : parts(id)) hash += mix(mix(7, part.tag), pool_.content_hash(part.regex));
  return hash;
}

LexId Lexicon::saturated(LexId id, uint32_t bytes_max) {
  const uint64_t key = (uint64_t{id} << 32) | bytes_max;
  if (const auto found = saturated_.find(key); found != saturated_.end()) return found->second;
  std::vector<TaggedRegex> copy(parts(id).begin(), parts(id).end());
  for (TaggedRegex& part : copy) part.regex = pool_.saturated(part.regex, bytes_max);
  const LexId result = state(std::move(copy));
  saturated_.emplace(key, result);
  return result;
}

}  // namespace mlxserving::grammar
