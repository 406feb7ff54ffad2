#include "sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/result.h"
#include "sampling/fixed_math.h"
#include "sampling/philox.h"

namespace mlxserving::sampling {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

void forbid(std::span<float> logits, std::span<const int32_t> ids) {
  for (const int32_t id : ids) {
    if (id >= 0 && static_cast<size_t>(id) < logits.size()) logits[static_cast<size_t>(id)] = -kInfinity;
  }
}

}  // namespace

Sampler::Sampler(const SamplingParams& params, TokenRoles roles, uint32_t fork)
    : ops_(&vocab_ops()),
      params_(params),
      roles_(std::move(roles)),
      seed_(static_cast<uint64_t>(params.seed.value_or(0))),
      fork_(fork),
      counts_(params),
      dry_(params, roles_.dry_breakers) {}

void Sampler::append_prompt(std::span<const int32_t> tokens) {
  for (const int32_t token : tokens) {
    counts_.append(token, false);
    dry_.append(token);
  }
}

void Sampler::append(int32_t token) {
  counts_.append(token, true);
  dry_.append(token);
  ++generated_;
}

bool Sampler::edits() const {
  return !params_.logit_bias.empty() || !counts_.is_off() || !dry_.is_off() || ends_too_early();
}

// The same in both orders: bias, repetition, presence, frequency, DRY, and last what is forbidden.
void Sampler::edit(std::span<float> logits, std::span<const uint32_t> allowed) const {
  for (const TokenBias& bias : params_.logit_bias) {
    const auto id = static_cast<size_t>(bias.token);
    if (id < logits.size()) logits[id] += static_cast<float>(bias.bias);
  }
  if (!counts_.is_off()) counts_.apply(logits);
  if (!dry_.is_off()) dry_.apply(logits);
  if (ends_too_early()) {
    forbid(logits, roles_.end_ids);
    forbid(logits, params_.stop_token_ids);
  }
  if (!allowed.empty()) ops_->mask(logits.data(), logits.size(), allowed.data());
}

Result<Logits> Sampler::checked(std::span<const float> values, float* copy, std::vector<float>& chunk_max) const {
  bool broken = false;
  const float max = ops_->max(values.data(), values.size(), copy, chunk_max.data(), &broken);
  if (broken) return fail(ErrorCode::internal, "logits", "logits must be numbers below infinity, got NaN or +infinity");
  return Logits{values, max, chunk_max.data()};
}

Result<Sampler::Both> Sampler::prepare(std::span<const float> logits, Workspace& workspace,
                                       std::span<const uint32_t> allowed) const {
  workspace.reserve(logits.size());
  const bool as_they_are = !edits() && allowed.empty();
  MLXS_TRY(const Logits raw, checked(logits, as_they_are ? nullptr : workspace.logits.data(), workspace.raw_chunk_max));
  Both both = {raw, raw};
  if (!as_they_are) {
    const std::span<float> values(workspace.logits.data(), logits.size());
    edit(values, allowed);
    MLXS_TRY(both.edited, checked(values, nullptr, workspace.chunk_max));
  }
  if (both.edited.max == -kInfinity) {
    return fail(ErrorCode::internal, "logits", "no token of {} is left to choose from: all are -infinity",
                logits.size());
  }
  return both;
}

// Also where dividing by the temperature would overflow.
bool Sampler::is_greedy() const {
  return params_.temperature == 0 || static_cast<float>(1 / params_.temperature) == kInfinity;
}

Candidates Sampler::filter(const Logits& logits, Workspace& workspace, bool xtc) const {
  const auto scale = static_cast<float>(1 / params_.temperature);
  const bool mlx = params_.sampler_order == SamplerOrder::mlx;
  Candidates candidates(*ops_, workspace, logits, mlx ? 1.0F : scale);
  const auto top_k = [&] {
    if (params_.top_k > 0) candidates.top_k(static_cast<size_t>(params_.top_k));
  };
  const auto min_p = [&] {
    if (params_.min_p > 0) candidates.min_p(params_.min_p);
  };
  const auto typical = [&] {
    if (params_.typical_p < 1) candidates.typical_p(params_.typical_p);
  };
  const auto drop_top = [&] {
    if (xtc) candidates.drop_top_choices(params_.xtc_threshold, roles_.xtc_exempt);
  };
  if (mlx) {
    if (params_.top_p > 0 && params_.top_p < 1) candidates.top_p(params_.top_p, Ties::all);
    min_p();
    drop_top();
    top_k();
    typical();
    candidates.set_scale(scale);
  } else {
    top_k();
    if (params_.top_p < 1) candidates.top_p(params_.top_p, Ties::lowest_ids);
    min_p();
    typical();
    drop_top();
  }
  return candidates;
}

int32_t Sampler::choose(const Logits& logits, Workspace& workspace) const {
  if (is_greedy()) {
    return static_cast<int32_t>(ops_->find(logits.values.data(), logits.values.size(), logits.max));
  }
  const Chances chance = chances(seed_, static_cast<uint64_t>(generated_), fork_);
  Candidates candidates = filter(logits, workspace, chance.xtc < params_.xtc_probability);
  return candidates.id(candidates.draw(chance.token));
}

void Sampler::report(const Logits& raw, Workspace& workspace, Sampled& sampled) const {
  const size_t n = raw.values.size();
  const double log_total = fixed_log(ops_->exp(raw.values.data(), n, raw.max, 1, nullptr, nullptr));
  const auto logprob = [&](float logit) {
    return static_cast<float>(static_cast<double>(logit) - raw.max - log_total);
  };
  sampled.logprob = logprob(raw.values[static_cast<size_t>(sampled.id)]);
  if (params_.top_logprobs == 0) return;
  Candidates top(*ops_, workspace, raw, 1);
  top.top_k(static_cast<size_t>(params_.top_logprobs));
  top.settle();
  for (size_t i = 0; i < top.count(); ++i) {
    if (top.logit(i) > -kInfinity) sampled.top.push_back({top.id(i), top.logit(i)});
  }
  // Sorted as logits, which tell apart what rounds to the same logprob.
  std::sort(sampled.top.begin(), sampled.top.end(), [](const TokenLogprob& a, const TokenLogprob& b) {
    return a.logprob != b.logprob ? a.logprob > b.logprob : a.id < b.id;
  });
  for (TokenLogprob& token : sampled.top) token.logprob = logprob(token.logprob);
}

Result<Sampled> Sampler::sample(std::span<const float> logits, Workspace& workspace,
                                std::span<const uint32_t> allowed) const {
  MLXS_TRY(const Both both, prepare(logits, workspace, allowed));
  Sampled sampled = {.id = choose(both.edited, workspace)};
  if (params_.logprobs) report(both.raw, workspace, sampled);
  return sampled;
}

Result<std::vector<double>> Sampler::distribution(std::span<const float> logits, Workspace& workspace,
                                                  std::span<const uint32_t> allowed) const {
  MLXS_TRY(const Both both, prepare(logits, workspace, allowed));
  std::vector<double> probabilities(logits.size());
  if (is_greedy()) {
    probabilities[static_cast<size_t>(choose(both.edited, workspace))] = 1;
    return probabilities;
  }
  for (const bool xtc : {false, true}) {
    const double chance = xtc ? params_.xtc_probability : 1 - params_.xtc_probability;
    if (chance == 0) continue;
    Candidates candidates = filter(both.edited, workspace, xtc);
    candidates.settle();
    for (size_t i = 0; i < candidates.count(); ++i) {
      probabilities[static_cast<size_t>(candidates.id(i))] += chance * candidates.probability(i);
    }
  }
  return probabilities;
}

}  // namespace mlxserving::sampling
