#include "sampling/select.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <utility>

namespace mlxserving::sampling {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr size_t kSmall = 96;       // sorted outright from here
constexpr size_t kSampleMax = 256;  // keys that bracket the cut; larger costs more to sort than it saves in copying

struct Bracket {
  float lo;
  float hi;
};

struct Entry {
  float key;
  float weight;
  int32_t index;
};

// Of the keys not yet decided: parallel arrays, and the weight already known to lie above them.
struct Open {
  const float* key;
  const float* weight;   // null: each counts 1
  const int32_t* index;  // null: the position is the index
  size_t n;
  double mass;
  double above;
};

float weight_at(const Open& open, size_t i) { return open.weight != nullptr ? open.weight[i] : 1.0F; }
int32_t index_at(const Open& open, size_t i) { return open.index != nullptr ? open.index[i] : static_cast<int32_t>(i); }

// The cut among few keys.
Cut cut_sorted(const Open& open, double target) {
  std::array<Entry, kSmall> entries;
  for (size_t i = 0; i < open.n; ++i) entries[i] = {open.key[i], weight_at(open, i), index_at(open, i)};
  std::sort(entries.begin(), entries.begin() + open.n,
            [](const Entry& a, const Entry& b) { return a.key != b.key ? a.key > b.key : a.index < b.index; });
  double mass = open.above;
  for (size_t i = 0; i < open.n; ++i) {
    mass += entries[i].weight;
    if (mass >= target || i + 1 == open.n) return {entries[i].key, static_cast<size_t>(entries[i].index)};
  }
  return {};
}

// The cut among keys that are all equal.
Cut cut_ties(const Open& open, double target) {
  double mass = open.above;
  size_t i = 0;
  for (; i + 1 < open.n; ++i) {
    mass += weight_at(open, i);
    if (mass >= target) break;
  }
  return {open.key[i], static_cast<size_t>(index_at(open, i))};
}

// Two keys that the cut probably lies between. The sample is weighed from its lowest key up: the few heavy keys that
// hold most of the weight are at the other end, where a sample misses them.
Bracket bracket_of(const Open& open, double target) {
  std::array<std::pair<float, float>, kSampleMax> sample;
  const size_t probes = std::clamp<size_t>(open.n / 16, 16, kSampleMax);
  size_t count = 0;
  for (size_t i = 0; i < probes; ++i) {
    const size_t at = (2 * i + 1) * open.n / (2 * probes);
    if (weight_at(open, at) > 0) sample[count++] = {open.key[at], weight_at(open, at)};
  }
  if (count == 0) return {std::numeric_limits<float>::lowest(), kInfinity};
  std::sort(sample.begin(), sample.begin() + count, std::greater<>());
  const double scale = static_cast<double>(open.n) / static_cast<double>(probes);
  double below_cut = open.above + open.mass - target;
  size_t at = count;
  while (at > 0 && below_cut > 0) below_cut -= sample[--at].second * scale;
  // Two standard deviations of where a share falls in a sample. What was dropped before, at -infinity, stays outside.
  const auto margin = 2 + static_cast<size_t>(2 * std::sqrt(static_cast<double>(at * (count - at)) / count));
  return {at + margin < count ? sample[at + margin].first : std::numeric_limits<float>::lowest(),
          at > margin ? sample[at - margin].first : kInfinity};
}

// Splits at one key, which is then no longer open on either side: the way out when a bracket holds nearly everything.
float middle_key(const Open& open) {
  std::array<float, 9> sample;
  for (size_t i = 0; i < sample.size(); ++i) sample[i] = open.key[(2 * i + 1) * open.n / (2 * sample.size())];
  std::nth_element(sample.begin(), sample.begin() + 4, sample.end());
  return sample[4];
}

// All open keys are in. Sums of the same weights in another order differ in the last bits, so a target that is nearly
// all the mass can lie below the last key.
Cut everything(const Open& open) {
  return {*std::min_element(open.key, open.key + open.n), std::numeric_limits<size_t>::max()};
}

// Copies the keys in [lo, hi] to `side`.
Band copy_band(const VocabOps& ops, const Open& open, Bracket bracket, SelectBuffers::Side& side) {
  return ops.band({open.key, open.weight, open.index}, open.n, bracket.lo, bracket.hi,
                  {side.key.data(), side.weight.data(), side.index.data()});
}

}  // namespace

void SelectBuffers::reserve(size_t n) {
  for (Side& side : sides) {
    if (side.key.size() >= n + kLanes) continue;
    side.key.resize(n + kLanes);
    side.weight.resize(n + kLanes);
    side.index.resize(n + kLanes);
  }
}

Cut select(const VocabOps& ops, SelectBuffers& buffers, const Weighted& weighted, double target) {
  buffers.reserve(weighted.n);
  target = std::max(target, std::numeric_limits<double>::min());
  const float* const weights = weighted.weights;
  Open open = {weighted.keys, weights, nullptr, weighted.n, weighted.total, 0};
  if (open.mass < target) return {};
  bool split_at_one_key = false;
  for (size_t side = 0; open.n > kSmall; side = 1 - side) {  // open.above < target, always
    const float middle = split_at_one_key ? middle_key(open) : 0;
    Bracket bracket = split_at_one_key ? Bracket{middle, middle} : bracket_of(open, target);
    Band band = copy_band(ops, open, bracket, buffers.sides[side]);
    double above = open.above + band.weight_above;
    if (above >= target) {
      bracket = {std::nextafter(bracket.hi, kInfinity), kInfinity};
      band = copy_band(ops, open, bracket, buffers.sides[side]);
      above = open.above;
    } else if (above + band.weight_inside < target) {
      if (bracket.lo == -kInfinity) return everything(open);
      above += band.weight_inside;
      bracket = {-kInfinity, std::nextafter(bracket.lo, -kInfinity)};
      band = copy_band(ops, open, bracket, buffers.sides[side]);
      if (band.count_inside == 0) return everything(open);
    }
    split_at_one_key = band.count_inside * 4 > open.n * 3;
    const SelectBuffers::Side& copy = buffers.sides[side];
    open = {copy.key.data(),    weights != nullptr ? copy.weight.data() : nullptr,
            copy.index.data(),  band.count_inside,
            band.weight_inside, above};
    if (bracket.lo == bracket.hi) return cut_ties(open, target);
  }
  return cut_sorted(open, target);
}

}  // namespace mlxserving::sampling
