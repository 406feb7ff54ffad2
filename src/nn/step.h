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
using PageTable = std::span<const int32_t>;

// Consecutive positions of one sequence: rows [row_begin, row_begin + row_count) of the step.
struct Segment {
  int32_t row_begin = 0;
  int32_t row_count = 0;
  int32_t position_begin = 0;          // of the first row; everything before it is in the cache already
  std::vector<PageTable> page_tables;  // [layer group], see KvLayout
};

struct Step {
  std::vector<int32_t> tokens;      // [rows]
  std::vector<int32_t> positions;   // [rows]
  std::vector<Segment> segments;    // in row order, covering all rows
  std::vector<int32_t> logit_rows;  // the rows whose logits are wanted, ascending
};

}  // namespace mlxserving::nn
