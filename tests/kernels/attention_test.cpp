// Paged attention against a plain softmax in double: every instruction set, cache type, window and group.
#include "kernels/attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include "core/check.h"
#include "kernels/dispatch.h"
#include "kernels/weights.h"

namespace mlxserving::kernels::testing {
namespace {

// One sequence with its pages scattered over a pool, fed in steps.
struct Sequence {
  AttentionShape shape;
  KvType type;
  std::vector<int32_t> pages;
  std::vector<uint8_t> memory;
  KvPool pool{};
  int64_t position = 0;
  std::vector<float> q, k, v;  // of all positions so far

  Sequence(const AttentionShape& s, KvType cache_type, int page_count, uint32_t seed) : shape(s), type(cache_type) {
    pages.resize(static_cast<size_t>(page_count));
    std::iota(pages.begin(), pages.end(), 0);
    std::shuffle(pages.begin(), pages.end(), Random(seed));
    pool = {.data = nullptr, .page_bytes = 0, .head_dim = s.head_dim, .type = cache_type};
    pool.page_bytes = s.kv_heads * pool.head_bytes();
    memory.assign(pages.size() * static_cast<size_t>(pool.page_bytes), 0xFF);  // stale pages are NaN
    pool.data = memory.data();
  }

  size_t q_width() const { return static_cast<size_t>(shape.heads * shape.head_dim); }
  size_t kv_width() const { return static_cast<size_t>(shape.kv_heads * shape.head_dim); }

  // Appends `rows` random rows and attends.
  std::vector<float> step(const Kernels& kernels, ThreadPool& threads, Random& random, int rows, bool is_decode) {
    const auto count = static_cast<size_t>(rows);
    for (auto [to, width] : {std::pair{&q, q_width()}, {&k, kv_width()}, {&v, kv_width()}}) {
      const auto fresh = normal_floats(random, count * width);
      to->insert(to->end(), fresh.begin(), fresh.end());
    }
    return attend_last(kernels, threads, rows, is_decode);
  }

  std::vector<float> attend_last(const Kernels& kernels, ThreadPool& threads, int rows, bool is_decode) {
    const auto before = static_cast<size_t>(position);
    const AttentionSegment segment{0, rows, position, is_decode, {pages.data(), static_cast<int64_t>(pages.size())}};
    const AttentionInput input{q.data() + before * q_width(),
                               k.data() + before * kv_width(),
                               v.data() + before * kv_width(),
                               nullptr,
                               nullptr,
                               rows};
    Workspace workspace;
    std::vector<float> out(static_cast<size_t>(rows) * q_width());
    attend(threads, workspace, kernels, shape, pool, {&segment, 1}, input, out.data());
    position += rows;
    return out;
  }

  std::vector<double> reference(int64_t at) const {
    std::vector<double> out;
    const int group = shape.heads / shape.kv_heads;
    const int64_t first = shape.window > 0 ? std::max<int64_t>(0, at - shape.window + 1) : 0;
    for (int head = 0; head < shape.heads; ++head) {
      const float* query = q.data() + static_cast<size_t>(at) * q_width() + head * shape.head_dim;
      std::vector<double> weights;
      for (int64_t p = first; p <= at; ++p) {
        const float* key = k.data() + static_cast<size_t>(p) * kv_width() + head / group * shape.head_dim;
        double score = std::inner_product(query, query + shape.head_dim, key, 0.0) * shape.scale;
        if (shape.soft_cap > 0) score = shape.soft_cap * std::tanh(score / shape.soft_cap);
        weights.push_back(std::exp(score));
      }
      double total = std::accumulate(weights.begin(), weights.end(), 0.0);
      if (shape.sinks != nullptr) total += std::exp(static_cast<double>(shape.sinks[head]));
      for (int d = 0; d < shape.head_dim; ++d) {
        double sum = 0;
        for (int64_t p = first; p <= at; ++p) {
          sum += weights[static_cast<size_t>(p - first)] *
                 v[static_cast<size_t>(p) * kv_width() + static_cast<size_t>(head / group * shape.head_dim + d)];
        }
        out.push_back(sum / total);
      }
    }
    return out;
  }

  void expect_right(const std::vector<float>& out, int rows) const {
    const double tolerance = type == KvType::f32 ? 2e-6 : type == KvType::f16 ? 2e-3 : 1.5e-2;
    for (int row = 0; row < rows; ++row) {
      const auto begin = out.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(row) * q_width());
      const std::vector<float> got(begin, begin + static_cast<std::ptrdiff_t>(q_width()));
      ASSERT_LT(relative_error(got, reference(position - rows + row)), tolerance) << "row " << row;
    }
  }
};

AttentionShape shape_of(int heads, int kv_heads, int head_dim) {
  return {.heads = heads,
          .kv_heads = kv_heads,
          .head_dim = head_dim,
          .scale = 1.0F / std::sqrt(static_cast<float>(head_dim))};
}

TEST(Attention, prefill_chunks_and_decode_rows_equal_a_plain_softmax) {
  ThreadPool threads(2);
  for (const auto* kernels : runnable_kernels()) {
    for (const KvType type : {KvType::f32, KvType::f16, KvType::bf16, KvType::int8}) {
      for (const auto& shape : {shape_of(9, 3, 64), shape_of(4, 4, 80), shape_of(8, 1, 20), shape_of(2, 2, 128),
                                shape_of(4, 2, 96), shape_of(3, 1, 256), shape_of(2, 1, 32)}) {
        SCOPED_TRACE(std::string(kernels->isa) + " head_dim " + std::to_string(shape.head_dim));
        Sequence sequence(shape, type, 12, 3);
        Random random(17);
        for (const int rows : {37, 1, 1, 19, 64, 1, 3}) {
          const auto out = sequence.step(*kernels, threads, random, rows, rows == 1 || rows == 3);
          sequence.expect_right(out, rows);
        }
      }
    }
  }
}

TEST(Attention, long_contexts_are_merged_from_pieces) {
  ThreadPool threads(2);
  for (const auto* kernels : runnable_kernels()) {
    Sequence sequence(shape_of(4, 2, 32), KvType::f32, 25, 3);
    Random random(18);
    for (const int rows : {250, 1, 7, 400, 1, 1}) {
      const auto out = sequence.step(*kernels, threads, random, rows, rows < 10);
      sequence.expect_right(out, rows);
    }
  }
}

TEST(Attention, windows_run_in_a_ring_of_pages) {
  ThreadPool threads(2);
  for (const auto* kernels : runnable_kernels()) {
    for (const int64_t window : {1, 5, 32, 33, 70}) {
      AttentionShape shape = shape_of(4, 2, 16);
      shape.window = window;
      Sequence sequence(shape, KvType::f32, 5, 4);  // holds window - 1 + 40 positions from any page boundary
      Random random(19);
      for (const int rows : {40, 1, 1, 30, 17, 1, 40, 2, 40, 1}) {
        const auto out = sequence.step(*kernels, threads, random, rows, rows < 3);
        SCOPED_TRACE(std::string(kernels->isa) + " window " + std::to_string(window));
        sequence.expect_right(out, rows);
      }
    }
  }
}

TEST(Attention, a_ring_too_small_for_the_step_is_refused) {
  ThreadPool threads(1);
  AttentionShape shape = shape_of(1, 1, 16);
  shape.window = 64;
  Sequence sequence(shape, KvType::f32, 2, 4);
  Random random(20);
  sequence.step(*runnable_kernels()[0], threads, random, 40, false);
  EXPECT_THROW(sequence.step(*runnable_kernels()[0], threads, random, 40, false), BrokenInvariant);
}

TEST(Attention, soft_cap_bends_scores_before_the_mask) {
  ThreadPool threads(1);
  for (const auto* kernels : runnable_kernels()) {
    AttentionShape shape = shape_of(2, 1, 16);
    shape.soft_cap = 1.5F;
    shape.scale = 1.0F;
    Sequence sequence(shape, KvType::f32, 3, 4);
    Random random(21);
    const auto out = sequence.step(*kernels, threads, random, 50, false);
    sequence.expect_right(out, 50);
  }
}

TEST(Attention, sinks_take_weight_and_give_no_value) {
  ThreadPool threads(2);
  const float sinks[] = {0.5F, -20.0F, 3.0F, 12.0F};
  for (const auto* kernels : runnable_kernels()) {
    AttentionShape shape = shape_of(4, 2, 16);
    shape.sinks = sinks;
    Sequence sequence(shape, KvType::f32, 25, 4);
    Random random(26);
    for (const int rows : {300, 1, 1}) {
      const auto out = sequence.step(*kernels, threads, random, rows, rows == 1);
      sequence.expect_right(out, rows);
    }
  }
}

TEST(Attention, scores_far_apart_do_not_overflow) {
  ThreadPool threads(1);
  for (const auto* kernels : runnable_kernels()) {
    AttentionShape shape = shape_of(1, 1, 16);
    shape.scale = 30.0F;
    Sequence sequence(shape, KvType::f32, 3, 4);
    Random random(22);
    const auto out = sequence.step(*kernels, threads, random, 70, false);
    for (const float x : out) ASSERT_TRUE(std::isfinite(x)) << kernels->isa;
  }
}

// The same rows as one speculative block, one by one, and with other numbers of threads.
TEST(Attention, a_decode_row_has_the_same_bits_alone_and_among_drafts) {
  ThreadPool one(1);
  ThreadPool three(3);
  for (const auto* kernels : runnable_kernels()) {
    for (const auto& [window, type] : {std::pair{0, KvType::bf16}, {40, KvType::bf16}, {40, KvType::int8}}) {
      AttentionShape shape = shape_of(9, 3, 24);
      shape.window = window;
      Sequence together(shape, type, 20, 4);
      Random random(23);
      together.step(*kernels, one, random, 253, false);
      Sequence alone = together;
      alone.pool.data = alone.memory.data();
      const auto block = together.step(*kernels, three, random, 5, true);
      alone.q = together.q;
      alone.k = together.k;
      alone.v = together.v;
      for (int row = 0; row < 5; ++row) {
        const auto out = alone.attend_last(*kernels, one, 1, true);
        ASSERT_TRUE(std::equal(out.begin(), out.end(), block.begin() + row * static_cast<int>(out.size())))
            << kernels->isa << " window " << window << " row " << row;
      }
    }
  }
}

// What comes out for given codes and scales is exact to rounding: the codes' own error is taken out by reading them
// back.
TEST(Attention, eight_bit_pages_hold_each_element_within_half_a_step) {
  for (const auto* kernels : runnable_kernels()) {
    for (const int head_dim : {20, 64, 128}) {
      KvPool pool{.data = nullptr, .page_bytes = 0, .head_dim = head_dim, .type = KvType::int8};
      std::vector<uint8_t> head(static_cast<size_t>(pool.head_bytes()));
      Random random(24);
      const auto key = normal_floats(random, static_cast<size_t>(head_dim));
      const auto value = normal_floats(random, static_cast<size_t>(head_dim));
      kernels->write_kv(pool, head.data(), 5, key.data(), value.data());
      float scales[2 * kPageTokens];
      std::memcpy(scales, head.data() + pool.code_bytes(), sizeof scales);
      for (int d = 0; d < head_dim; ++d) {
        const auto i = static_cast<size_t>(d);
        const float k = static_cast<float>(head[i * kPageTokens + 5] - 128) * scales[5];
        const float v = static_cast<float>(head[static_cast<size_t>((kPageTokens + 5) * head_dim) + i] - 128) *
                        scales[kPageTokens + 5];
        ASSERT_LE(std::abs(k - key[i]), scales[5] * 0.5001F) << kernels->isa;
        ASSERT_LE(std::abs(v - value[i]), scales[kPageTokens + 5] * 0.5001F) << kernels->isa;
      }
    }
  }
}

TEST(Attention, a_key_that_is_no_number_shows_in_eight_bits_too) {
  ThreadPool threads(1);
  for (const auto* kernels : runnable_kernels()) {
    Sequence sequence(shape_of(1, 1, 16), KvType::int8, 3, 4);
    Random random(25);
    sequence.step(*kernels, threads, random, 3, false);
    sequence.q.resize(sequence.q.size() + 16, 1.0F);
    sequence.k.resize(sequence.k.size() + 16, std::nanf(""));
    sequence.v.resize(sequence.v.size() + 16, 1.0F);
    EXPECT_TRUE(std::isnan(sequence.attend_last(*kernels, threads, 1, true)[0])) << kernels->isa;
  }
}

}  // namespace
}  // namespace mlxserving::kernels::testing
