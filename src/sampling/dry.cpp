#include "sampling/dry.h"

#include <algorithm>
#include <limits>

#include "sampling/fixed_math.h"

namespace mlxserving::sampling {
namespace {

constexpr uint64_t kHashBase = 0x9E3779B97F4A7C15;

uint64_t hash_power(size_t n) {
  uint64_t power = 1;
  for (size_t i = 0; i < n; ++i) power *= kHashBase;
  return power;
}

}  // namespace

Dry::Dry(const SamplingParams& params, std::span<const int32_t> breakers)
    : multiplier_(params.dry_multiplier),
      base_(params.dry_base),
      gram_(static_cast<size_t>(std::max(params.dry_allowed_length, 1))),
      window_(params.dry_penalty_last_n < 0 ? std::numeric_limits<size_t>::max()
                                            : static_cast<size_t>(params.dry_penalty_last_n)),
      drop_(hash_power(gram_)),
      breakers_(breakers.begin(), breakers.end()) {}

bool Dry::same_gram(size_t end_a, size_t end_b) const {
  const int32_t* const tokens = tokens_.data();
  return std::equal(tokens + end_a - gram_, tokens + end_a, tokens + end_b - gram_);
}

void Dry::append(int32_t token) {
  if (is_off()) return;
  tokens_.push_back(token);
  previous_.push_back(-1);
  if (breakers_.contains(token)) {
    run_ = 0;
    hash_ = 0;
    matches_.clear();
    return;
  }
  hash_ = hash_ * kHashBase + static_cast<uint32_t>(token) + 1;
  if (run_ >= gram_) hash_ -= drop_ * (static_cast<uint32_t>(tokens_[tokens_.size() - 1 - gram_]) + uint64_t{1});
  if (++run_ < gram_) return;
  const auto end = static_cast<int64_t>(tokens_.size());
  const auto [found, is_new] = latest_.try_emplace(hash_, end);
  const int64_t latest = is_new ? -1 : found->second;
  found->second = end;
  previous_.back() = latest;
  follow_matches(latest);
}

// From the places of the gram, latest first; both lists fall in `end`, so one walk joins them.
void Dry::follow_matches(int64_t latest) {
  const size_t end = tokens_.size();
  const size_t window_begin = end > window_ ? end - window_ : 0;
  new_matches_.clear();
  auto left = matches_.begin();
  for (int64_t at = latest; at >= 0 && new_matches_.size() < kDryMatchesMax;
       at = previous_[static_cast<size_t>(at) - 1]) {
    const auto place = static_cast<size_t>(at);
    if (place < window_begin + gram_) break;
    if (!same_gram(place, end)) continue;  // another gram of the same hash
    while (left != matches_.end() && left->end + 1 > place) ++left;
    const bool continues = left != matches_.end() && left->end + 1 == place;
    const size_t length = continues ? left->length + 1 : gram_;
    new_matches_.push_back({place, std::min(length, place - window_begin)});
  }
  matches_.swap(new_matches_);
}

void Dry::apply(std::span<float> logits) const {
  std::unordered_map<int32_t, size_t> longest;
  for (const Match& match : matches_) {
    size_t& length = longest[tokens_[match.end]];
    length = std::max(length, match.length);
  }
  for (const auto& [token, length] : longest) {
    if (token < 0 || static_cast<size_t>(token) >= logits.size() || breakers_.contains(token)) continue;
    const double power = fixed_power(base_, static_cast<unsigned>(length - gram_));
    logits[static_cast<size_t>(token)] -= static_cast<float>(std::min(multiplier_ * power, kDryPenaltyMax));
  }
}

std::vector<int32_t> breaker_tokens(std::span<const std::string_view> token_bytes,
                                    std::span<const std::string> breakers) {
  std::vector<int32_t> ids;
  for (size_t id = 0; id < token_bytes.size(); ++id) {
    const bool breaks = std::any_of(breakers.begin(), breakers.end(), [&](const std::string& breaker) {
      return token_bytes[id].find(breaker) != std::string_view::npos;
    });
    if (breaks) ids.push_back(static_cast<int32_t>(id));
  }
  return ids;
}

}  // namespace mlxserving::sampling
