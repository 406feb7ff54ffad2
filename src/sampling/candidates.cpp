#include "sampling/candidates.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "sampling/fixed_math.h"

namespace mlxserving::sampling {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr size_t kAllTies = std::numeric_limits<size_t>::max();

// More than a quarter of a sample, which decides how and not what.
bool keeps_much(const float* keys, size_t n, Cut cut) {
  constexpr size_t kSample = 64;
  size_t kept = 0;
  for (size_t i = 0; i < kSample; ++i) kept += keys[i * n / kSample] >= cut.threshold;
  return kept > kSample / 4;
}

}  // namespace

void Workspace::reserve(size_t vocabulary) {
  if (ids.size() >= vocabulary + kLanes) return;
  for (std::vector<float>* buffer : {&logits, &kept_logits, &weights, &keys}) buffer->resize(vocabulary + kLanes);
  for (std::vector<float>* buffer : {&raw_chunk_max, &chunk_max}) buffer->resize(vocabulary / kChunk + 1);
  ids.resize(vocabulary + kLanes);
  block_sums.resize(vocabulary / kBlock + 1);
  select.reserve(vocabulary);
}

Candidates::Candidates(const VocabOps& ops, Workspace& workspace, const Logits& logits, float scale)
    : ops_(ops),
      workspace_(workspace),
      logits_(logits.values.data()),
      chunk_max_(logits.chunk_max),
      n_(logits.values.size()),
      max_(logits.max),
      scale_(scale) {
  workspace.reserve(n_);
}

float Candidates::current_max() {
  bool broken = false;
  if (max_is_stale_) max_ = ops_.max(logits_, n_, nullptr, nullptr, &broken);
  max_is_stale_ = false;
  return max_;
}

void Candidates::weigh() {
  settle();
  float* const weights = workspace_.weights.data();
  double* const sums = workspace_.block_sums.data();
  if (!has_weights_) {
    shift_ = current_max();
    total_ = ops_.exp(logits_, n_, shift_, scale_, weights, sums);
  } else if (!has_sums_) {
    total_ = ops_.sum(weights, n_, sums);
  }
  has_weights_ = true;
  has_sums_ = true;
}

void Candidates::set_scale(float scale) {
  if (scale == scale_) return;
  settle();
  scale_ = scale;
  has_weights_ = false;
}

void Candidates::note(Cut cut) {
  if (cut.threshold > noted_.threshold) {
    noted_ = cut;
  } else if (cut.threshold == noted_.threshold) {
    noted_.last_tie = std::min(noted_.last_tie, cut.last_tie);
  }
}

void Candidates::settle() {
  const Cut cut = std::exchange(noted_, Cut{});
  if (cut.threshold > -kInfinity || cut.last_tie < n_) keep(logits_, cut);
}

// Copying what stays together is dear where nearly all stays; then the others are struck out in their places.
void Candidates::keep(const float* keys, Cut cut) {
  float* const weights = workspace_.weights.data();
  float* const logits = workspace_.kept_logits.data();
  if (keeps_much(keys, n_, cut)) {
    const double total = ops_.suppress(keys, n_, cut.threshold, cut.last_tie, logits_, logits,
                                       has_weights_ ? weights : nullptr, workspace_.block_sums.data());
    if (has_weights_) total_ = total;
    has_sums_ = has_weights_;
  } else {
    n_ = ops_.keep(keys, n_, cut.threshold, cut.last_tie, {logits_, has_weights_ ? weights : nullptr, ids_},
                   {logits, weights, workspace_.ids.data()});
    ids_ = workspace_.ids.data();
    has_sums_ = false;
  }
  logits_ = logits;
  chunk_max_ = nullptr;
}

// Leaves out most of what cannot be among the k highest: of k chunks with the highest maxima each has one value at
// least that reaches the least of those maxima.
void Candidates::shortlist(size_t k) {
  const size_t chunks = (n_ + kChunk - 1) / kChunk;
  if (chunk_max_ == nullptr || ids_ != nullptr || k * 4 > chunks) return;
  float* const maxima = workspace_.keys.data();
  std::copy_n(chunk_max_, chunks, maxima);
  std::nth_element(maxima, maxima + k - 1, maxima + chunks, std::greater<>());
  const float least = maxima[k - 1];
  size_t kept = 0;
  for (size_t chunk = 0; chunk < chunks; ++chunk) {
    if (chunk_max_[chunk] < least) continue;
    const size_t from = chunk * kChunk;
    int32_t* const ids = workspace_.ids.data() + kept;
    const Band band = ops_.band({logits_ + from, nullptr, nullptr}, std::min(kChunk, n_ - from), least, kInfinity,
                                {workspace_.kept_logits.data() + kept, nullptr, ids});
    for (size_t i = 0; i < band.count_inside; ++i) ids[i] += static_cast<int32_t>(from);
    kept += band.count_inside;
  }
  logits_ = workspace_.kept_logits.data();
  ids_ = workspace_.ids.data();
  n_ = kept;
  chunk_max_ = nullptr;
  has_weights_ = false;
}

void Candidates::top_k(size_t k) {
  if (k >= n_) return;
  if (noted_.threshold == -kInfinity) shortlist(k);
  if (k < n_)
    note(select(ops_, workspace_.select, {logits_, nullptr, n_, static_cast<double>(n_)}, static_cast<double>(k)));
}

void Candidates::top_p(double p, Ties ties) {
  weigh();
  Cut cut = select(ops_, workspace_.select, {logits_, workspace_.weights.data(), n_, total_}, p * total_);
  if (ties == Ties::all) cut.last_tie = kAllTies;
  note(cut);
}

void Candidates::min_p(double min_p) {
  const float max = current_max();
  note({std::min(static_cast<float>(max + fixed_log(min_p) / scale_), max), kAllTies});
}

void Candidates::typical_p(double p) {
  weigh();
  // surprise = log(total) - scale * (logit - shift), and entropy its mean.
  const double log_total = fixed_log(total_);
  const double mean = scale_ * ops_.sum_products(logits_, workspace_.weights.data(), n_, shift_) / total_;
  const double entropy = log_total - mean;
  float* const keys = workspace_.keys.data();
  ops_.distance_keys(logits_, n_, shift_, scale_, static_cast<float>(entropy - log_total), keys);
  keep(keys, select(ops_, workspace_.select, {keys, workspace_.weights.data(), n_, total_}, p * total_));
  max_is_stale_ = true;
}

void Candidates::drop_top_choices(double threshold, std::span<const int32_t> exempt) {
  weigh();
  float* const weights = workspace_.weights.data();
  const float least = ops_.min_above(weights, n_, static_cast<float>(threshold * total_));
  if (least == kInfinity) return;
  float* const logits = workspace_.kept_logits.data();
  if (logits_ != logits) std::copy_n(logits_, n_, logits);
  logits_ = logits;
  chunk_max_ = nullptr;
  SelectBuffers::Side& top = workspace_.select.sides[0];
  const size_t dropped = ops_.band({weights, nullptr, nullptr}, n_, std::nextafter(least, kInfinity), kInfinity,
                                   {top.key.data(), nullptr, top.index.data()})
                             .count_inside;
  for (size_t i = 0; i < dropped; ++i) {
    const auto at = static_cast<size_t>(top.index[i]);
    if (std::find(exempt.begin(), exempt.end(), id(at)) != exempt.end()) continue;
    logits[at] = -kInfinity;
    weights[at] = 0;
  }
  max_is_stale_ = true;
  has_sums_ = false;
}

size_t Candidates::draw(double chance) {
  weigh();
  const float* const weights = workspace_.weights.data();
  const double target = chance * total_;
  // The block first, then the candidate in it; what rounding leaves over falls to the last that can be drawn.
  double mass = 0;
  double before = 0;
  size_t from = 0;
  for (size_t at = 0; at < n_ && mass <= target; at += kBlock) {
    const double block = workspace_.block_sums[at / kBlock];
    if (block == 0) continue;
    from = at;
    before = mass;
    mass += block;
  }
  size_t chosen = from;
  for (size_t i = from; i < std::min(n_, from + kBlock) && before <= target; ++i) {
    if (weights[i] == 0) continue;
    chosen = i;
    before += weights[i];
  }
  return chosen;
}

double Candidates::probability(size_t i) {
  weigh();
  return workspace_.weights[i] / total_;
}

}  // namespace mlxserving::sampling
