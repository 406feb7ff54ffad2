// Attention of a block of queries over the pages of one kv head, with the running maximum of Milakov and Gimelshein
// (Online normalizer calculation for softmax, 2018). Each page is read once for all queries of the block.
#include "kernels/generic_math.inl"
#include "kernels/generic_rows.inl"

constexpr int kPageVectors = kPageTokens / V::kWidth;

constexpr Float float_of(KvType type) {
  return type == KvType::f32 ? Float::f32 : type == KvType::f16 ? Float::f16 : Float::bf16;
}

// Elements of a page; codes of int8 without their scale. Reading int8 never stops inside a vector: scales follow.
template <KvType kType>
V::F load_kv(const uint8_t* p) {
  if constexpr (kType == KvType::int8)
    return V::sub(V::from_u8(p), V::set(128));
  else
    return V::load_as<float_of(kType)>(p);
}
template <KvType kType>
V::F load_part_kv(const uint8_t* p, int n) {
  if constexpr (kType == KvType::int8)
    return load_kv<kType>(p);
  else
    return V::load_part_as<float_of(kType)>(p, n);
}

// Memory answers so late that a page is asked for while the second before it is computed.
constexpr int64_t kTokensAhead = 2 * kPageTokens;

// Into the second-level cache, which keeps more requests under way than the first.
inline void prefetch_bytes(const uint8_t* p, int count) {
  for (int i = 0; i < count; i += 64) __builtin_prefetch(p + i, 0, 2);
}

// scores[q][kPageTokens] = q · K for kQueries queries, K as [head_dim][kPageTokens]. Meanwhile the keys at `next`,
// whose place the machine cannot guess, are on their way.
template <KvType kType, int kQueries>
void score_block(const uint8_t* keys, const uint8_t* next, int head_dim, const float* const* q, float* scores) {
  V::F sums[kQueries][kPageVectors];
  for (auto& query : sums) {
    for (auto& sum : query) sum = V::set(0);
  }
  for (int d = 0; d < head_dim; ++d) {
    constexpr int kRowBytes = kPageTokens * bytes_of(kType);
    prefetch_bytes(next + int64_t{d} * kRowBytes, kRowBytes);
    V::F k[kPageVectors];
    for (int v = 0; v < kPageVectors; ++v) {
      k[v] = load_kv<kType>(keys + (int64_t{d} * kPageTokens + v * V::kWidth) * bytes_of(kType));
    }
    for (int i = 0; i < kQueries; ++i) {
      const V::F x = V::set(q[i][d]);
      for (int v = 0; v < kPageVectors; ++v) sums[i][v] = V::fma(x, k[v], sums[i][v]);
    }
  }
  for (int i = 0; i < kQueries; ++i) {
    for (int v = 0; v < kPageVectors; ++v) V::store(scores + i * kPageTokens + v * V::kWidth, sums[i][v]);
  }
}

// out[q] = out[q] * factor[q] + Σ p[q][t] * V[t] over `tokens` slots, for kVectors vectors of the head; the last lanes
// of a head whose size is no multiple of the width are a single partial vector (`rest` > 0).
template <KvType kType, int kQueries, int kVectors>
void value_block(const uint8_t* values, const uint8_t* next, int head_dim, int rest, int tokens, const float* p,
                 const float* factors, float* out) {
  const auto load = [rest](const float* from) { return rest > 0 ? V::load_part(from, rest) : V::load(from); };
  const auto load_value = [rest](const uint8_t* from) {
    return rest > 0 ? load_part_kv<kType>(from, rest) : load_kv<kType>(from);
  };
  V::F sums[kQueries][kVectors];
  for (int i = 0; i < kQueries; ++i) {
    for (int v = 0; v < kVectors; ++v) {
      sums[i][v] = V::mul(load(out + i * head_dim + v * V::kWidth), V::set(factors[i]));
    }
  }
  const int64_t row_bytes = int64_t{head_dim} * bytes_of(kType);
  for (int t = 0; t < tokens; ++t, values += row_bytes, next += row_bytes) {
    prefetch_bytes(next, kVectors * V::kWidth * bytes_of(kType));
    V::F row[kVectors];
    for (int v = 0; v < kVectors; ++v) row[v] = load_value(values + int64_t{v} * V::kWidth * bytes_of(kType));
    for (int i = 0; i < kQueries; ++i) {
      const V::F x = V::set(p[i * kPageTokens + t]);
      for (int v = 0; v < kVectors; ++v) sums[i][v] = V::fma(x, row[v], sums[i][v]);
    }
  }
  for (int i = 0; i < kQueries; ++i) {
    for (int v = 0; v < kVectors; ++v) {
      float* to = out + i * head_dim + v * V::kWidth;
      if (rest > 0) {
        V::store_part(to, rest, sums[i][v]);
      } else {
        V::store(to, sums[i][v]);
      }
    }
  }
}

template <KvType kType, int kQueries>
void value_rows(const uint8_t* values, const uint8_t* next, int head_dim, int tokens, const float* p,
                const float* factors, float* out) {
  constexpr int kStep = V::kValueVectors * V::kWidth;
  int d = 0;
  for (; d + kStep <= head_dim; d += kStep) {
    value_block<kType, kQueries, V::kValueVectors>(values + d * bytes_of(kType), next + d * bytes_of(kType), head_dim,
                                                   0, tokens, p, factors, out + d);
  }
  for (; d < head_dim; d += V::kWidth) {
    const int rest = head_dim - d < V::kWidth ? head_dim - d : 0;
    value_block<kType, kQueries, 1>(values + d * bytes_of(kType), next + d * bytes_of(kType), head_dim, rest, tokens, p,
                                    factors, out + d);
  }
}

// The page at `keys` (values behind them) for all queries of the task, in blocks of kQueries and a smaller last one.
template <KvType kType, int kQueries>
void score_page(const AttentionTask& task, const uint8_t* keys, const uint8_t* next, int first, int queries,
                float* scores) {
  for (; first + kQueries <= queries; first += kQueries) {
    const float* q[kQueries];
    for (int i = 0; i < kQueries; ++i) {
      const int query = first + i;
      q[i] = task.q + query / task.group * task.q_stride + query % task.group * task.pool.head_dim;
    }
    score_block<kType, kQueries>(keys, first == 0 ? next : keys, task.pool.head_dim, q, scores + first * kPageTokens);
  }
  if constexpr (kQueries > 1) {
    if (first < queries) score_page<kType, kQueries - 1>(task, keys, next, first, queries, scores);
  }
}

template <KvType kType, int kQueries>
void value_page(const uint8_t* values, const uint8_t* next, int head_dim, int tokens, int first, int queries,
                const float* p, const float* factors, float* out) {
  for (; first + kQueries <= queries; first += kQueries) {
    value_rows<kType, kQueries>(values, first == 0 ? next : values, head_dim, tokens, p + first * kPageTokens,
                                factors + first, out + first * head_dim);
  }
  if constexpr (kQueries > 1) {
    if (first < queries) {
      value_page<kType, kQueries - 1>(values, next, head_dim, tokens, first, queries, p, factors, out);
    }
  }
}

// Slots [low, high) of a page are visible to a query; the others get weight 0.
void mask(float* scores, int64_t low, int64_t high) {
  for (int t = 0; t < kPageTokens; ++t) {
    if (t < low || t >= high) scores[t] = -__builtin_inff();
  }
}

// Scores of one query and page become weights exp(score - maximum). Gives the factor for what was summed before.
float weigh(float* scores, float* maximum, float* sum) {
  V::F largest = V::set(*maximum);
  for (int v = 0; v < kPageTokens; v += V::kWidth) largest = V::max(largest, V::load(scores + v));
  const V::F now = V::set(V::largest(largest));
  const float factor = V::first(exp(V::sub(V::set(*maximum), now)));
  V::F page_sum = V::set(0);
  for (int v = 0; v < kPageTokens; v += V::kWidth) {
    const V::F weight = exp(V::sub(V::load(scores + v), now));
    V::store(scores + v, weight);
    page_sum = V::add(page_sum, weight);
  }
  *maximum = V::first(now);
  *sum = *sum * factor + V::sum(page_sum);
  return factor;
}

// Scales of the keys of a head's part of a page, then of the values.
inline const float* scales_of(const KvPool& pool, const uint8_t* head) {
  return reinterpret_cast<const float*>(head + pool.code_bytes());
}

inline void multiply_page(float* scores, const float* scales) {
  for (int v = 0; v < kPageTokens; v += V::kWidth) {
    V::store(scores + v, V::mul(V::load(scores + v), V::load(scales + v)));
  }
}

// Where position p's head lies.
inline const uint8_t* head_at(const AttentionTask& task, int64_t position) {
  const int64_t page = task.pages.pages[position / kPageTokens % task.pages.page_count];
  return task.pool.data + page * task.pool.page_bytes + task.kv_head * task.pool.head_bytes();
}

template <KvType kType>
void attend_typed(const AttentionTask& task, AttentionPiece piece, float* scratch) {
  const int queries = task.query_count * task.group;
  float* factors = scratch + int64_t{queries} * kPageTokens;
  for (int64_t first = task.key_begin; first < task.key_end; first += kPageTokens) {
    const uint8_t* keys = head_at(task, first);
    const uint8_t* next = first + kTokensAhead < task.context_end ? head_at(task, first + kTokensAhead) : keys;
    score_page<kType, V::kQueryBlock>(task, keys, next, 0, queries, scratch);
    const int64_t tokens = task.key_end - first < kPageTokens ? task.key_end - first : kPageTokens;
    for (int i = 0; i < queries; ++i) {
      float* scores = scratch + int64_t{i} * kPageTokens;
      if constexpr (kType == KvType::int8) multiply_page(scores, scales_of(task.pool, keys));
      if (task.soft_cap > 0) soft_cap(scores, task.soft_cap, scores, kPageTokens);
      const int64_t position = task.position_begin + i / task.group;
      const int64_t low = task.window > 0 ? position - task.window + 1 - first : 0;
      const int64_t high = position + 1 - first < tokens ? position + 1 - first : tokens;
      if (low > 0 || high < kPageTokens) mask(scores, low, high);
      factors[i] = weigh(scores, piece.maximum + i, piece.sum + i);
      if constexpr (kType == KvType::int8) multiply_page(scores, scales_of(task.pool, keys) + kPageTokens);
    }
    const int64_t to_values = task.pool.code_bytes() / 2;
    value_page<kType, V::kQueryBlock>(keys + to_values, next + to_values, task.pool.head_dim, static_cast<int>(tokens),
                                      0, queries, scratch, factors, piece.values);
  }
}

void attend(const AttentionTask& task, AttentionPiece piece, float* scratch) {
  const int queries = task.query_count * task.group;
  for (int i = 0; i < queries; ++i) {
    piece.maximum[i] = kNoScore;
    piece.sum[i] = 0;
  }
  __builtin_memset(piece.values, 0, static_cast<size_t>(queries) * task.pool.head_dim * sizeof(float));
  switch (task.pool.type) {
    case KvType::f32: return attend_typed<KvType::f32>(task, piece, scratch);
    case KvType::f16: return attend_typed<KvType::f16>(task, piece, scratch);
    case KvType::bf16: return attend_typed<KvType::bf16>(task, piece, scratch);
    case KvType::int8: return attend_typed<KvType::int8>(task, piece, scratch);
  }
}

// A piece without a visible key has maximum kNoScore: its factor is 0. One piece is merged with factor 1.
void merge(const float* values, const float* maximum, const float* sum, int pieces, int64_t stride, int head_dim,
           float sink, float* out) {
  float largest = sink;
  for (int i = 0; i < pieces; ++i) largest = maximum[i * stride] > largest ? maximum[i * stride] : largest;
  float total = sink > kNoScore ? V::first(exp(V::set(sink - largest))) : 0.0F;
  for (int i = 0; i < pieces; ++i) {
    const float factor = V::first(exp(V::set(maximum[i * stride] - largest)));
    total += sum[i * stride] * factor;
    const float* from = values + i * stride * head_dim;
    const float* before = i == 0 ? from : out;
    const float keep = i == 0 ? 0.0F : 1.0F;
    for_each_vector(out, head_dim,
                    [=](auto load) { return V::fma(load(from), V::set(factor), V::mul(load(before), V::set(keep))); });
  }
  scale(out, 1.0F / total, out, head_dim);
}

template <KvType kType>
void write_kv_typed(const KvPool& pool, uint8_t* head, int slot, const float* key, const float* value) {
  constexpr int kBytes = bytes_of(kType);
  uint8_t* narrow = head + pool.code_bytes() / 2 + int64_t{slot} * pool.head_dim * kBytes;
  const auto write_row = [&](const float* from) {
    int d = 0;
    for (; d + V::kWidth <= pool.head_dim; d += V::kWidth)
      V::store_as<float_of(kType)>(narrow + d * kBytes, V::load(from + d));
    const int rest = pool.head_dim - d;
    if (rest > 0) V::store_part_as<float_of(kType)>(narrow + d * kBytes, rest, V::load_part(from + d, rest));
  };
  write_row(key);  // into the value's place first: narrowed at once, then scattered
  for (int d = 0; d < pool.head_dim; ++d) {
    __builtin_memcpy(head + (int64_t{d} * kPageTokens + slot) * kBytes, narrow + d * kBytes, kBytes);
  }
  write_row(value);
}

// Codes of x and their scale, which is no number when one of x is none.
inline float quantize_kv(const float* x, int count, uint8_t* codes) {
  V::F largest = V::set(0);
  V::F zeros = V::set(0);
  const auto look = [&](V::F v) {
    largest = V::max(V::max(v, V::sub(V::set(0), v)), largest);
    zeros = V::fma(v, V::set(0), zeros);
  };
  int d = 0;
  for (; d + V::kWidth <= count; d += V::kWidth) look(V::load(x + d));
  if (d < count) look(V::load_part(x + d, count - d));
  const float scale = V::largest(largest) / 127.0F + V::sum(zeros);
  const float inverse = scale > 0 ? 1.0F / scale : 0.0F;
  for (int i = 0; i < count; ++i) {
    const float code = x[i] * inverse;
    const float bounded = code >= -127.0F ? code : -127.0F;
    codes[i] = static_cast<uint8_t>(static_cast<int32_t>(__builtin_rintf(bounded)) + 128);
  }
  return scale;
}

void write_kv_int8(const KvPool& pool, uint8_t* head, int slot, const float* key, const float* value) {
  uint8_t* row = head + pool.code_bytes() / 2 + int64_t{slot} * pool.head_dim;
  auto* scales = reinterpret_cast<float*>(head + pool.code_bytes());
  scales[slot] = quantize_kv(key, pool.head_dim, row);  // into the value's place first, then scattered
  for (int d = 0; d < pool.head_dim; ++d) head[int64_t{d} * kPageTokens + slot] = row[d];
  scales[kPageTokens + slot] = quantize_kv(value, pool.head_dim, row);
}

void write_kv(const KvPool& pool, uint8_t* head, int slot, const float* key, const float* value) {
  switch (pool.type) {
    case KvType::f32: return write_kv_typed<KvType::f32>(pool, head, slot, key, value);
    case KvType::f16: return write_kv_typed<KvType::f16>(pool, head, slot, key, value);
    case KvType::bf16: return write_kv_typed<KvType::bf16>(pool, head, slot, key, value);
    case KvType::int8: return write_kv_int8(pool, head, slot, key, value);
  }
}
