#include "sampling/vocab_ops.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "sampling/fixed_math.h"

namespace mlxserving::sampling {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr size_t kSizes[] = {1, 2, 15, 16, 17, 31, 63, 64, 65, 255, 256, 257, 1000, 1023, 1024, 1025, 5000};

std::vector<float> random_logits(size_t n, uint32_t seed, bool coarse) {
  std::mt19937 random(seed);
  std::normal_distribution<float> bell(0, 4);
  std::vector<float> x(n);
  for (float& v : x) v = random() % 20 == 0 ? -kInfinity : coarse ? std::round(bell(random)) : bell(random);
  x[random() % n] = 3;
  return x;
}

// Everything the passes say about one input, bit by bit.
std::vector<uint8_t> results(const VocabOps& ops, const std::vector<float>& x) {
  const size_t n = x.size();
  std::vector<uint8_t> bytes;
  const auto add = [&](const auto* values, size_t count) {
    const auto* from = reinterpret_cast<const uint8_t*>(values);
    bytes.insert(bytes.end(), from, from + count * sizeof *values);
  };
  std::vector<float> copy(n), chunk_max(n / kChunk + 1), e(n), key(n + kLanes), out_x(n + kLanes), out_w(n + kLanes);
  std::vector<int32_t> out_id(n + kLanes);
  std::vector<double> sums(n / kBlock + 1);
  bool broken = false;
  const float max = ops.max(x.data(), n, copy.data(), chunk_max.data(), &broken);
  add(&max, 1);
  add(copy.data(), n);
  add(chunk_max.data(), (n + kChunk - 1) / kChunk);
  const size_t found = ops.find(x.data(), n, max);
  add(&found, 1);
  const double total = ops.exp(x.data(), n, max, 1.3F, e.data(), sums.data());
  add(&total, 1);
  add(e.data(), n);
  add(sums.data(), (n + kBlock - 1) / kBlock);
  const double again = ops.sum(e.data(), n, nullptr);
  add(&again, 1);
  const double products = ops.sum_products(x.data(), e.data(), n, max);
  add(&products, 1);
  ops.distance_keys(x.data(), n, max, 1.3F, 0.7F, key.data());
  add(key.data(), n);
  const float least = ops.min_above(e.data(), n, 0.01F);
  add(&least, 1);
  const Band band = ops.band({x.data(), e.data(), nullptr}, n, -2, 2, {out_x.data(), out_w.data(), out_id.data()});
  add(&band, 1);
  add(out_x.data(), band.count_inside);
  add(out_w.data(), band.count_inside);
  add(out_id.data(), band.count_inside);
  for (const size_t last_tie : {size_t{0}, n / 2, n - 1, std::numeric_limits<size_t>::max()}) {
    const size_t kept =
        ops.keep(x.data(), n, 1, last_tie, {x.data(), e.data(), nullptr}, {out_x.data(), out_w.data(), out_id.data()});
    add(&kept, 1);
    add(out_x.data(), kept);
    add(out_id.data(), kept);
    std::vector<float> weight = e;
    const double left = ops.suppress(x.data(), n, 1, last_tie, x.data(), out_x.data(), weight.data(), sums.data());
    EXPECT_EQ(left, ops.sum(weight.data(), n, nullptr));
    add(sums.data(), (n + kBlock - 1) / kBlock);
    add(out_x.data(), n);
    add(weight.data(), n);
  }
  std::vector<uint32_t> allowed(n / 32 + 1, 0xA5C31234);
  ops.mask(copy.data(), n, allowed.data());
  add(copy.data(), n);
  return bytes;
}

TEST(VocabOps, every_instruction_set_gives_the_same_bits) {
  const VocabOpsList list = runnable_vocab_ops();
  for (const size_t n : kSizes) {
    for (const bool coarse : {false, true}) {
      const std::vector<float> x = random_logits(n, static_cast<uint32_t>(n), coarse);
      const std::vector<uint8_t> expected = results(*list.ops[0], x);
      for (size_t i = 1; i < list.count; ++i) {
        EXPECT_EQ(results(*list.ops[i], x), expected) << list.ops[i]->isa << ", n " << n << ", coarse " << coarse;
      }
    }
  }
}

TEST(VocabOps, scalar_says_what_its_contract_says) {
  const VocabOps& ops = *runnable_vocab_ops().ops[0];
  const std::vector<float> x = random_logits(777, 5, true);
  bool broken = false;
  const float max = ops.max(x.data(), x.size(), nullptr, nullptr, &broken);
  EXPECT_FALSE(broken);
  EXPECT_EQ(max, *std::max_element(x.begin(), x.end()));
  EXPECT_EQ(ops.find(x.data(), x.size(), max), std::max_element(x.begin(), x.end()) - x.begin());
  EXPECT_EQ(ops.find(x.data(), x.size(), 1e9F), x.size());
  std::vector<float> kept(x.size() + kLanes);
  std::vector<int32_t> ids(x.size() + kLanes);
  const size_t count =
      ops.keep(x.data(), x.size(), 1, 400, {x.data(), nullptr, nullptr}, {kept.data(), nullptr, ids.data()});
  size_t expected = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (x[i] < 1 || (x[i] == 1 && i > 400)) continue;
    ASSERT_EQ(ids[expected], static_cast<int32_t>(i));
    ASSERT_EQ(kept[expected++], x[i]);
  }
  EXPECT_EQ(count, expected);
  std::vector<float> struck(x.size());
  ops.suppress(x.data(), x.size(), 1, 400, x.data(), struck.data(), nullptr, nullptr);
  EXPECT_EQ(std::count_if(struck.begin(), struck.end(), [](float v) { return v != -kInfinity; }), expected);
}

TEST(VocabOps, exp_is_near_the_true_one) {
  const VocabOps& ops = vocab_ops();
  std::vector<float> x;
  for (float v = -100; v <= 0; v += 0.0137F) x.push_back(v);
  x.push_back(0);
  x.push_back(-kInfinity);
  std::vector<float> e(x.size());
  ops.exp(x.data(), x.size(), 0, 1, e.data(), nullptr);
  for (size_t i = 0; i < x.size(); ++i) {
    const double truth = std::exp(static_cast<double>(x[i]));
    const double bound = truth * (2e-7 + 1e-7 * std::fabs(static_cast<double>(x[i])));
    ASSERT_NEAR(e[i], truth, x[i] >= -87 ? bound : 1.7e-38) << x[i];
    ASSERT_EQ(e[i] == 0, x[i] < -87.33F) << x[i];
  }
  EXPECT_EQ(e[x.size() - 2], 1);
}

TEST(VocabOps, nan_and_infinity_are_seen_wherever_they_stand) {
  for (const size_t n : {size_t{5}, size_t{300}}) {
    for (size_t at = 0; at < n; ++at) {
      for (const float bad : {std::nanf(""), kInfinity}) {
        for (size_t i = 0; i < runnable_vocab_ops().count; ++i) {
          std::vector<float> x(n, 1);
          x[at] = bad;
          bool broken = false;
          runnable_vocab_ops().ops[i]->max(x.data(), n, nullptr, nullptr, &broken);
          ASSERT_TRUE(broken);
        }
      }
    }
  }
}

TEST(FixedMath, log_and_power_are_near_the_true_ones) {
  for (double x = 1e-300; x < 1e300; x *= 1.37)
    EXPECT_NEAR(fixed_log(x), std::log(x), 4e-16 * std::fabs(std::log(x)) + 1e-16);
  EXPECT_EQ(fixed_log(1), 0);
  EXPECT_EQ(fixed_log(0), -std::numeric_limits<double>::infinity());
  for (unsigned n = 0; n < 100; ++n) EXPECT_NEAR(fixed_power(1.75, n) / std::pow(1.75, n), 1, 1e-13);
}

}  // namespace
}  // namespace mlxserving::sampling
