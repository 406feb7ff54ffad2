#include "kernels/attention.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/check.h"

namespace mlxserving::kernels {
namespace {

// Decode cuts the keys of a sequence at multiples of this position, so that both the cut and the order of merging are
// the same whatever the number of threads; bench/micro/attention_bench.
constexpr int64_t kPieceTokens = 256;
// Prefill rows that share one pass over the keys: with a group of 4 the queries' sums stay in the first-level cache.
constexpr int32_t kPrefillRows = 16;
// Rows whose preparation is one task: half a page, so that two threads seldom write the same cache line of keys.
constexpr int kPrepareRows = 16;

// One piece of one block of queries of a segment.
struct Piece {
  const AttentionSegment* segment;
  int32_t row_begin;  // of the step
  int32_t row_count;
  int kv_head;
  int64_t key_begin;
  int64_t key_end;
  int64_t query;  // its first query in the piece buffers
};

// Pieces of the same queries: consecutive in Plan::pieces, with the same number of queries each.
struct Merge {
  size_t piece_begin;
  size_t piece_count;
};

struct Plan {
  std::vector<Piece> pieces;
  std::vector<Merge> merges;
  int64_t queries = 0;  // of all pieces
  int queries_max = 0;  // of one piece
};

void plan_block(const AttentionShape& shape, const AttentionSegment& segment, int32_t offset, int32_t rows,
                Plan& plan) {
  const int64_t position = segment.position_begin + offset;
  const int64_t key_end = position + rows;
  const int64_t oldest = shape.window > 0 ? std::max<int64_t>(position - shape.window + 1, 0) : 0;
  const int64_t key_begin = oldest / kPageTokens * kPageTokens;
  const int queries = rows * (shape.heads / shape.kv_heads);
  plan.queries_max = std::max(plan.queries_max, queries);
  for (int head = 0; head < shape.kv_heads; ++head) {
    const size_t first = plan.pieces.size();
    for (int64_t begin = key_begin; begin < key_end;) {
      const int64_t cut = segment.is_decode ? (begin / kPieceTokens + 1) * kPieceTokens : key_end;
      const int64_t end = std::min(cut, key_end);
      plan.pieces.push_back({&segment, segment.row_begin + offset, rows, head, begin, end, plan.queries});
      plan.queries += queries;
      begin = end;
    }
    plan.merges.push_back({first, plan.pieces.size() - first});
  }
}

Plan plan_pieces(const AttentionShape& shape, std::span<const AttentionSegment> segments) {
  Plan plan;
  for (const auto& segment : segments) {
    const int32_t block = segment.is_decode ? segment.row_count : kPrefillRows;
    for (int32_t offset = 0; offset < segment.row_count; offset += block) {
      plan_block(shape, segment, offset, std::min(block, segment.row_count - offset), plan);
    }
  }
  return plan;
}

// A head of q or k, normalised and rotated.
void prepare_head(const Kernels& kernels, const AttentionShape& shape, const AttentionInput& input, int row,
                  const float* norm, float eps, const float* from, float* to) {
  if (norm != nullptr) {
    kernels.rms_norm(from, norm, eps, to, shape.head_dim);
  } else {
    std::memcpy(to, from, static_cast<size_t>(shape.head_dim) * sizeof(float));
  }
  if (shape.rotated == 0) return;
  const int64_t half = shape.rotated / 2;
  kernels.rotate(to, input.cos + row * half, input.sin + row * half, half);
}

struct Context {
  const Kernels& kernels;
  const AttentionShape& shape;
  const KvPool& kv;
  const AttentionInput& input;
  float* q;  // [rows, heads * head_dim], prepared

  int64_t q_width() const { return int64_t{shape.heads} * shape.head_dim; }
  int64_t kv_width() const { return int64_t{shape.kv_heads} * shape.head_dim; }
  int group() const { return shape.heads / shape.kv_heads; }

  void prepare_row(const AttentionSegment& segment, int32_t row, float* key) const {
    for (int head = 0; head < shape.heads; ++head) {
      const int64_t at = row * q_width() + int64_t{head} * shape.head_dim;
      prepare_head(kernels, shape, input, row, shape.q_norm, shape.q_eps, input.q + at, q + at);
    }
    kernels.scale(q + row * q_width(), shape.scale, q + row * q_width(), q_width());

    const int64_t position = segment.position_begin + row - segment.row_begin;
    const int64_t page = segment.pages.pages[position / kPageTokens % segment.pages.page_count];
    uint8_t* page_data = kv.data + page * kv.page_bytes;
    for (int head = 0; head < shape.kv_heads; ++head) {
      const int64_t at = row * kv_width() + int64_t{head} * shape.head_dim;
      prepare_head(kernels, shape, input, row, shape.k_norm, shape.k_eps, input.k + at, key);
      kernels.write_kv(kv, page_data + head * kv.head_bytes(), static_cast<int>(position % kPageTokens), key,
                       input.v + at);
    }
  }

  void attend_piece(const Piece& piece, AttentionPiece out, float* scratch) const {
    const AttentionTask task{
        .pool = kv,
        .pages = piece.segment->pages,
        .kv_head = piece.kv_head,
        .q = q + piece.row_begin * q_width() + int64_t{piece.kv_head} * group() * shape.head_dim,
        .q_stride = q_width(),
        .query_count = piece.row_count,
        .group = group(),
        .position_begin = piece.segment->position_begin + piece.row_begin - piece.segment->row_begin,
        .key_begin = piece.key_begin,
        .key_end = piece.key_end,
        .context_end = piece.segment->position_begin + piece.segment->row_count,
        .window = shape.window,
        .soft_cap = shape.soft_cap};
    kernels.attend(task, out, scratch);
  }

  // The queries of `first`, whose pieces lie one after another in `pieces`.
  void merge_pieces(const Piece& first, AttentionPiece pieces, size_t count, float* out) const {
    const int queries = first.row_count * group();
    for (int i = 0; i < queries; ++i) {
      const int64_t row = first.row_begin + i / group();
      const int64_t head = int64_t{first.kv_head} * group() + i % group();
      kernels.merge(pieces.values + int64_t{i} * shape.head_dim, pieces.maximum + i, pieces.sum + i,
                    static_cast<int>(count), queries, shape.head_dim,
                    shape.sinks != nullptr ? shape.sinks[head] : kNoScore,
                    out + row * q_width() + head * shape.head_dim);
    }
  }
};

// Rows of all segments, a few at a time.
struct RowChunk {
  const AttentionSegment* segment;
  int32_t begin;
  int32_t end;
};

std::vector<RowChunk> row_chunks(std::span<const AttentionSegment> segments) {
  std::vector<RowChunk> chunks;
  for (const auto& segment : segments) {
    const int32_t end = segment.row_begin + segment.row_count;
    for (int32_t begin = segment.row_begin; begin < end; begin += kPrepareRows) {
      chunks.push_back({&segment, begin, std::min(begin + kPrepareRows, end)});
    }
  }
  return chunks;
}

void prepare_rows(ThreadPool& pool, Workspace& workspace, std::span<const AttentionSegment> segments,
                  const Context& context) {
  const auto chunks = row_chunks(segments);
  const int head_dim = context.shape.head_dim;
  float* keys = workspace.floats[1].floats(static_cast<size_t>(pool.threads()) * static_cast<size_t>(head_dim));
  pool.run(static_cast<int>(chunks.size()), [&](int task, int thread) {
    const RowChunk& chunk = chunks[static_cast<size_t>(task)];
    for (int32_t row = chunk.begin; row < chunk.end; ++row) {
      context.prepare_row(*chunk.segment, row, keys + int64_t{thread} * head_dim);
    }
  });
}

void check_rings(const AttentionShape& shape, std::span<const AttentionSegment> segments) {
  for (const auto& segment : segments) {
    const int64_t end = segment.position_begin + segment.row_count;
    const int64_t kept = segment.pages.page_count * kPageTokens;
    const int64_t oldest = shape.window > 0 ? std::max<int64_t>(segment.position_begin - shape.window + 1, 0) : 0;
    check(end - oldest / kPageTokens * kPageTokens <= kept, "a page table holds all positions that a step reads");
  }
}

}  // namespace

void attend(ThreadPool& pool, Workspace& workspace, const Kernels& kernels, const AttentionShape& shape,
            const KvPool& kv, std::span<const AttentionSegment> segments, const AttentionInput& input, float* out) {
  check_rings(shape, segments);
  const auto rows = static_cast<size_t>(input.rows);
  float* q = workspace.floats[0].floats(rows * static_cast<size_t>(shape.heads) * static_cast<size_t>(shape.head_dim));
  const Context context{kernels, shape, kv, input, q};
  prepare_rows(pool, workspace, segments, context);

  const Plan plan = plan_pieces(shape, segments);
  const int64_t scratch_floats = attention_scratch_floats(plan.queries_max);
  float* scratch = workspace.floats[1].floats(static_cast<size_t>(scratch_floats * pool.threads()));
  float* values = workspace.floats[2].floats(static_cast<size_t>(plan.queries * shape.head_dim));
  float* sums = workspace.floats[3].floats(static_cast<size_t>(plan.queries * 2));
  const auto buffers_of = [&](const Piece& piece) {
    return AttentionPiece{values + piece.query * shape.head_dim, sums + piece.query, sums + plan.queries + piece.query};
  };

  const auto merge = [&](const Merge& of) {
    const Piece& first = plan.pieces[of.piece_begin];
    context.merge_pieces(first, buffers_of(first), of.piece_count, out);
  };

  const bool is_whole = plan.merges.size() == plan.pieces.size();  // a piece is all of its queries' keys
  pool.run(static_cast<int>(plan.pieces.size()), [&](int task, int thread) {
    const Piece& piece = plan.pieces[static_cast<size_t>(task)];
    context.attend_piece(piece, buffers_of(piece), scratch + thread * scratch_floats);
    if (is_whole) merge(plan.merges[static_cast<size_t>(task)]);
  });
  if (is_whole) return;
  pool.run(static_cast<int>(plan.merges.size()), [&](int task, int) { merge(plan.merges[static_cast<size_t>(task)]); });
}

}  // namespace mlxserving::kernels
