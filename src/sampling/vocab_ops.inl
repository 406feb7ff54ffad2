// The passes of vocab_ops.h, written once. An including file defines in its anonymous namespace, for its registers:
//   Mask less(a, b), at_least(a, b), equal(a, b)      comparisons of lanes; a Mask has & and |
//   Floats choose(Mask, yes, no), only(Mask, v)       v where true, and `no` or zero elsewhere
//   unsigned lane_bits(Mask), Mask mask_of(bits)      one bit a lane
//   void compress(Floats v, unsigned bits, float*)    the chosen lanes in order; may write kLanes values
namespace {

constexpr float kInfinity = __builtin_inff();

// The first `count` lanes from memory, the others `fill`.
inline Floats load_some(const float* p, size_t count, float fill) {
  if (count >= kLanes) return load(p);
  float lanes[kLanes];
  for (size_t i = 0; i < kLanes; ++i) lanes[i] = i < count ? p[i] : fill;
  return load(lanes);
}

inline void store_some(float* p, Floats v, size_t count) {
  if (count >= kLanes) return store(p, v);
  float lanes[kLanes];
  store(lanes, v);
  for (size_t i = 0; i < count; ++i) p[i] = lanes[i];
}

// Sixteen lanes in one fixed tree.
inline float reduce_sum(Floats v) {
  float lanes[kLanes];
  store(lanes, v);
  for (size_t half = kLanes / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

// 2^t for t <= 0: the whole part goes to the exponent bits, the rest through the polynomial nearest to 2^f on [-1/2,
// 1/2] in relative error (degree 6: 2e-9, so rounding is what remains). 0 below -126.
inline Floats exp2_lanes(Floats t) {
  const Floats shifted = t + 12582912.0F;  // 1.5 * 2^23: the nearest whole number lands in the low bits
  const Floats f = t - (shifted - 12582912.0F);
  Floats p = f * 0.000153458124F + 0.00133999309F;
  p = p * f + 0.00961848907F;
  p = p * f + 0.0555032864F;
  p = p * f + 0.240226462F;
  p = p * f + 0.693147182F;
  p = p * f + 1.0F;
  return only(less(splat(-126.0F), t), times_power_of_two(p, shifted));
}

inline float reduce_max(Floats v) {
  float lanes[kLanes];
  store(lanes, v);
  float max = lanes[0];
  for (const float lane : lanes) max = lane > max ? lane : max;
  return max;
}

// Runs `value(i, count)` over a block in four running sums, so that additions overlap; the order is part of the result.
template <typename Value>
inline double block_sum(size_t from, size_t to, Value value) {
  Floats sums[4] = {splat(0), splat(0), splat(0), splat(0)};
  size_t i = from;
  for (; i + 4 * kLanes <= to; i += 4 * kLanes) {
    sums[0] = sums[0] + value(i, kLanes);
    sums[1] = sums[1] + value(i + kLanes, kLanes);
    sums[2] = sums[2] + value(i + 2 * kLanes, kLanes);
    sums[3] = sums[3] + value(i + 3 * kLanes, kLanes);
  }
  for (; i < to; i += kLanes) sums[0] = sums[0] + value(i, to - i < kLanes ? to - i : kLanes);
  return static_cast<double>(reduce_sum((sums[0] + sums[1]) + (sums[2] + sums[3])));
}

template <typename Value>
inline double sum_of(size_t n, double* block_sums, Value value) {
  double total = 0;
  for (size_t from = 0; from < n; from += kBlock) {
    const double sum = block_sum(from, from + kBlock < n ? from + kBlock : n, value);
    if (block_sums != nullptr) block_sums[from / kBlock] = sum;
    total += sum;
  }
  return total;
}

float max_value(const float* x, size_t n, float* copy, float* chunk_max, bool* broken) {
  Floats worst = splat(0);  // becomes 1 where a value is NaN or +inf
  float max = -kInfinity;
  for (size_t from = 0; from < n; from += kChunk) {
    const size_t to = from + kChunk < n ? from + kChunk : n;
    Floats best[2] = {splat(-kInfinity), splat(-kInfinity)};
    const auto take = [&](size_t i, Floats& into) {
      const Floats v = load_some(x + i, to - i, -kInfinity);
      if (copy != nullptr) store_some(copy + i, v, to - i);
      worst = choose(less(v, splat(kInfinity)), worst, splat(1));
      into = choose(less(into, v), v, into);
    };
    size_t i = from;
    for (; i + kLanes < to; i += 2 * kLanes) {
      take(i, best[0]);
      take(i + kLanes, best[1]);
    }
    if (i < to) take(i, best[0]);
    const float chunk = reduce_max(choose(less(best[0], best[1]), best[1], best[0]));
    if (chunk_max != nullptr) chunk_max[from / kChunk] = chunk;
    max = chunk > max ? chunk : max;
  }
  if (reduce_max(worst) > 0) *broken = true;
  return max;
}

size_t find_value(const float* x, size_t n, float value) {
  for (size_t i = 0; i < n; i += kLanes) {
    const size_t count = n - i < kLanes ? n - i : kLanes;
    const unsigned bits =
        lane_bits(equal(load_some(x + i, count, value), splat(value))) & (0xFFFFU >> (kLanes - count));
    if (bits != 0) return i + static_cast<size_t>(__builtin_ctz(bits));
  }
  return n;
}

// Flattened: a lane function that is called passes its registers through memory.
__attribute__((flatten)) double exp_values(const float* x, size_t n, float shift, float scale, float* e, double* sums) {
  const float scale2 = scale * 1.44269504F;  // to powers of two
  const auto lanes = [&](size_t i, size_t count) {
    return exp2_lanes((load_some(x + i, count, -kInfinity) - shift) * scale2);
  };
  if (e == nullptr) return sum_of(n, sums, lanes);
  return sum_of(n, sums, [&](size_t i, size_t count) {
    const Floats v = lanes(i, count);
    store_some(e + i, v, count);
    return v;
  });
}

double sum_values(const float* e, size_t n, double* sums) {
  return sum_of(n, sums, [&](size_t i, size_t count) { return load_some(e + i, count, 0); });
}

double sum_products(const float* x, const float* e, size_t n, float shift) {
  return sum_of(n, nullptr, [&](size_t i, size_t count) {
    const Floats weight = load_some(e + i, count, 0);
    return only(less(splat(0), weight), weight * (load_some(x + i, count, 0) - shift));
  });
}

void distance_keys(const float* x, size_t n, float shift, float scale, float offset, float* key) {
  for (size_t i = 0; i < n; i += kLanes) {
    const size_t count = n - i < kLanes ? n - i : kLanes;
    const Floats v = (load_some(x + i, count, 0) - shift) * scale + offset;
    store_some(key + i, negative_magnitude(v), count);
  }
}

float min_above(const float* e, size_t n, float threshold) {
  constexpr size_t kChains = 4;  // so that comparisons overlap
  Floats best[kChains] = {splat(kInfinity), splat(kInfinity), splat(kInfinity), splat(kInfinity)};
  const auto take = [&](size_t i, Floats& into) {
    const Floats v = load_some(e + i, n - i, threshold);
    into = choose(less(splat(threshold), v) & less(v, into), v, into);
  };
  size_t i = 0;
  for (; i + kChains * kLanes <= n; i += kChains * kLanes) {
    for (size_t chain = 0; chain < kChains; ++chain) take(i + chain * kLanes, best[chain]);
  }
  for (; i < n; i += kLanes) take(i, best[0]);
  for (size_t chain = 1; chain < kChains; ++chain) best[0] = choose(less(best[chain], best[0]), best[chain], best[0]);
  return -reduce_max(splat(0) - best[0]);
}

// The chosen lanes of every column that is wanted, to position `at`.
inline void compress_row(const Columns& in, size_t i, size_t count, unsigned bits, const ColumnsOut& out, size_t at) {
  if (out.x != nullptr) compress(load_some(in.x + i, count, 0), bits, out.x + at);
  if (in.weight != nullptr) compress(load_some(in.weight + i, count, 0), bits, out.weight + at);
  const Floats ids = in.id != nullptr ? load_some((const float*)in.id + i, count, 0) : index_lanes(i);
  compress(ids, bits, (float*)out.id + at);
}

// Only positions are compressed while the pass runs; what stands at them is fetched afterwards, in order.
inline void fetch(const Columns& in, const ColumnsOut& out, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const int32_t at = out.id[i];
    if (out.x != nullptr) out.x[i] = in.x[at];
    if (in.weight != nullptr) out.weight[i] = in.weight[at];
    if (in.id != nullptr) out.id[i] = in.id[at];
  }
}

Band band(Columns in, size_t n, float lo, float hi, ColumnsOut out) {
  Band found = {0, 0, 0};
  size_t count_above = 0;
  size_t count_inside = 0;
  for (size_t from = 0; from < n; from += kBlock) {
    const size_t to = from + kBlock < n ? from + kBlock : n;
    Floats above = splat(0);
    Floats inside = splat(0);
    const auto take = [&](size_t i, size_t count) {
      const Floats key = load_some(in.x + i, count, 0);
      const Mask over = less(splat(hi), key);
      const Mask within = at_least(key, splat(lo)) & at_least(splat(hi), key);
      const unsigned real = 0xFFFFU >> (kLanes - count);
      const unsigned bits = lane_bits(within) & real;
      if (in.weight != nullptr) {
        const Floats weight = load_some(in.weight + i, count, 0);
        above = above + only(over, weight);
        inside = inside + only(within, weight);
      } else {
        count_above += (size_t)__builtin_popcount(lane_bits(over) & real);
      }
      compress(index_lanes(i), bits, (float*)out.id + count_inside);
      count_inside += (size_t)__builtin_popcount(bits);
    };
    size_t i = from;
    for (; i + kLanes <= to; i += kLanes) take(i, kLanes);
    if (i < to) take(i, to - i);
    found.weight_above += (double)reduce_sum(above);
    found.weight_inside += (double)reduce_sum(inside);
  }
  fetch(in, out, count_inside);
  found.count_inside = count_inside;
  if (in.weight == nullptr) {
    found.weight_above = (double)count_above;
    found.weight_inside = (double)count_inside;
  }
  return found;
}

// The lanes of a row of keys that a cut keeps. All but one row lie wholly before the last tie or behind it.
inline Mask kept_lanes(Floats key, size_t i, float threshold, size_t last_tie) {
  if (i > last_tie) return less(splat(threshold), key);
  if (last_tie - i >= kLanes - 1) return at_least(key, splat(threshold));
  const unsigned ties = lane_bits(equal(key, splat(threshold))) & ((2U << (last_tie - i)) - 1);
  return mask_of(lane_bits(less(splat(threshold), key)) | ties);
}

size_t keep(const float* key, size_t n, float threshold, size_t last_tie, Columns in, ColumnsOut out) {
  size_t kept = 0;
  for (size_t i = 0; i < n; i += kLanes) {
    const size_t count = n - i < kLanes ? n - i : kLanes;
    const Floats row = load_some(key + i, count, -kInfinity);
    const unsigned bits = lane_bits(kept_lanes(row, i, threshold, last_tie)) & (0xFFFFU >> (kLanes - count));
    if (bits == 0) continue;
    compress_row(in, i, count, bits, out, kept);
    kept += (size_t)__builtin_popcount(bits);
  }
  return kept;
}

double suppress(const float* key, size_t n, float threshold, size_t last_tie, const float* x, float* out, float* weight,
                double* sums) {
  const auto strike = [&](size_t i, size_t count) {
    const Mask kept = kept_lanes(load_some(key + i, count, 0), i, threshold, last_tie);
    store_some(out + i, choose(kept, load_some(x + i, count, 0), splat(-kInfinity)), count);
    return kept;
  };
  if (weight == nullptr) {
    for (size_t i = 0; i < n; i += kLanes) strike(i, n - i < kLanes ? n - i : kLanes);
    return 0;
  }
  return sum_of(n, sums, [&](size_t i, size_t count) {
    const Floats left = only(strike(i, count), load_some(weight + i, count, 0));
    store_some(weight + i, left, count);
    return left;
  });
}

void mask(float* x, size_t n, const uint32_t* allowed) {
  for (size_t i = 0; i < n; i += kLanes) {
    const size_t count = n - i < kLanes ? n - i : kLanes;
    const Mask kept = mask_of(allowed[i / 32] >> (i % 32) & 0xFFFF);
    store_some(x + i, choose(kept, load_some(x + i, count, 0), splat(-kInfinity)), count);
  }
}

constexpr VocabOps table(const char* isa) {
  return {isa,           max_value, find_value, exp_values, sum_values, sum_products,
          distance_keys, min_above, band,       keep,       suppress,   mask};
}

}  // namespace
