// Attention of a block of queries over the pages of one kv head, with the running maximum of Milakov and Gimelshein
// (Online normalizer calculation for softmax, 2018). Each page is read once for all queries of the block.
#include "kernels/generic_math.inl"
#include "kernels/generic_rows.inl"

constexpr int kPageVectors = kPageTokens / V::kWidth;

inline void prefetch_bytes(const uint8_t* p, int count) {
  for (int i = 0; i < count; i += 64) __builtin_prefetch(p + i);
}

// scores[q][kPageTokens] = q · K for kQueries queries, K as [head_dim][kPageTokens]. Meanwhile the keys at `next`,
// whose place the machine cannot guess, are on their way.
template <Float kType, int kQueries>
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
      k[v] = V::load_as<kType>(keys + (int64_t{d} * kPageTokens + v * V::kWidth) * bytes_of(kType));
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
template <Float kType, int kQueries, int kVectors>
void value_block(const uint8_t* values, const uint8_t* next, int head_dim, int rest, int tokens, const float* p,
                 const float* factors, float* out) {
  const auto load = [rest](const float* from) { return rest > 0 ? V::load_part(from, rest) : V::load(from); };
  const auto load_value = [rest](const uint8_t* from) {
    return rest > 0 ? V::load_part_as<kType>(from, rest) : V::load_as<kType>(from);
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

template <Float kType, int kQueries>
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
template <Float kType, int kQueries>
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

template <Float kType, int kQueries>
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

// Where position p's head lies.
inline const uint8_t* head_at(const AttentionTask& task, int64_t position) {
  const int64_t page = task.pages.pages[position / kPageTokens % task.pages.page_count];
  return task.pool.data + page * task.pool.page_bytes + task.kv_head * task.pool.head_bytes();
}

template <Float kType>
void attend_typed(const AttentionTask& task, AttentionPiece piece, float* scratch) {
  const int queries = task.query_count * task.group;
  float* factors = scratch + int64_t{queries} * kPageTokens;
  for (int64_t first = task.key_begin; first < task.key_end; first += kPageTokens) {
    const uint8_t* keys = head_at(task, first);
    const uint8_t* next = first + kPageTokens < task.key_end ? head_at(task, first + kPageTokens) : keys;
    score_page<kType, V::kQueryBlock>(task, keys, next, 0, queries, scratch);
    const int64_t tokens = task.key_end - first < kPageTokens ? task.key_end - first : kPageTokens;
    for (int i = 0; i < queries; ++i) {
      float* scores = scratch + int64_t{i} * kPageTokens;
      if (task.soft_cap > 0) soft_cap(scores, task.soft_cap, scores, kPageTokens);
      const int64_t position = task.position_begin + i / task.group;
      const int64_t low = task.window > 0 ? position - task.window + 1 - first : 0;
      const int64_t high = position + 1 - first < tokens ? position + 1 - first : tokens;
      if (low > 0 || high < kPageTokens) mask(scores, low, high);
      factors[i] = weigh(scores, piece.maximum + i, piece.sum + i);
    }
    const int64_t to_values = task.pool.head_bytes() / 2;
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
    case Float::f32: return attend_typed<Float::f32>(task, piece, scratch);
    case Float::f16: return attend_typed<Float::f16>(task, piece, scratch);
    case Float::bf16: return attend_typed<Float::bf16>(task, piece, scratch);
  }
}

// A piece without a visible key has maximum kNoScore: its factor is 0. One piece is merged with factor 1.
void merge(const float* values, const float* maximum, const float* sum, int pieces, int64_t stride, int head_dim,
           float* out) {
  float largest = kNoScore;
  for (int i = 0; i < pieces; ++i) largest = maximum[i * stride] > largest ? maximum[i * stride] : largest;
  float total = 0;
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

template <Float kType>
void write_kv_typed(const KvPool& pool, uint8_t* head, int slot, const float* key, const float* value) {
  constexpr int kBytes = bytes_of(kType);
  uint8_t* narrow = head + pool.head_bytes() / 2 + int64_t{slot} * pool.head_dim * kBytes;
  const auto write_row = [&](const float* from) {
    int d = 0;
    for (; d + V::kWidth <= pool.head_dim; d += V::kWidth) V::store_as<kType>(narrow + d * kBytes, V::load(from + d));
    const int rest = pool.head_dim - d;
    if (rest > 0) V::store_part_as<kType>(narrow + d * kBytes, rest, V::load_part(from + d, rest));
  };
  write_row(key);  // into the value's place first: narrowed at once, then scattered
  for (int d = 0; d < pool.head_dim; ++d) {
    __builtin_memcpy(head + (int64_t{d} * kPageTokens + slot) * kBytes, narrow + d * kBytes, kBytes);
  }
  write_row(value);
}

void write_kv(const KvPool& pool, uint8_t* head, int slot, const float* key, const float* value) {
  switch (pool.type) {
    case Float::f32: return write_kv_typed<Float::f32>(pool, head, slot, key, value);
    case Float::f16: return write_kv_typed<Float::f16>(pool, head, slot, key, value);
    case Float::bf16: return write_kv_typed<Float::bf16>(pool, head, slot, key, value);
  }
}
