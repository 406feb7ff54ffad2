// What one step of the engine runs over: a flat list of rows from many sequences, no padding. Prefill chunks and decode
// rows mix freely; only attention sees which row belongs to which sequence.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace mlxserving::nn {

constexpr int kPageTokens = 32;  // tokens of a KV page: one cache line of bf16 scores, see bench/micro/attention_bench

// Where a sequence's keys and values lie in the pools of one layer group. Position p is at slot p % kPageTokens of
// pages[(p / kPageTokens) % pages.size()]: with enough pages for all positions that is a plain table, with fewer it is
// the ring of a sliding window. Borrowed from the plan for the length of the step.
// A step writes a segment's rows before it attends, and reads whole pages: a ring has a page for each that the rows and
// the windows behind them touch (ring_pages); slots of others may hold -1.
//
// Where a prefill chunk begins and ends changes no bit of its rows on our kernels, as long as it begins on a page: what
// was computed is resumed at any page (scheduler/prefix_cache).
using PageTable = std::span<const int32_t>;

// What a row is for decides its numerics; how many other rows the step has never does. Decode rows (one new token, or
// the drafts that speculation verifies) have the same bits alone and among others. A prefill chunk has the same bits
// whatever else is in the step, so chunks cut on a fixed grid are reproducible.
enum class RowRole : uint8_t { decode, prefill };

// Consecutive positions of one sequence: rows [row_begin, row_begin + row_count) of the step.
struct Segment {
  int32_t row_begin = 0;
  int32_t row_count = 0;
  int32_t position_begin = 0;  // of the first row; everything before it is in the cache already
  RowRole role = RowRole::prefill;
  std::vector<PageTable> page_tables;  // [layer group], see KvLayout
};

// Pages that a ring needs so that a chunk of up to `rows_max` rows leaves every row its whole window, wherever in a
// page the first of these window + rows_max - 1 positions lies.
constexpr int32_t ring_pages(int32_t window, int32_t rows_max) {
  return (window + rows_max - 1 + 2 * (kPageTokens - 1)) / kPageTokens;
}

struct Step {
  std::vector<int32_t> tokens;      // [rows]
  std::vector<int32_t> positions;   // [rows]
  std::vector<Segment> segments;    // in row order, covering all rows
  std::vector<int32_t> logit_rows;  // the rows whose logits are wanted, ascending
};

}  // namespace mlxserving::nn
