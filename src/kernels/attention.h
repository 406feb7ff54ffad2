// Runs attention on the pool: every sequence of a step, cut into tasks whose cuts depend on positions only.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/kernels.h"
#include "kernels/linear.h"
#include "kernels/thread_pool.h"

namespace mlxserving::kernels {

// Rows of one sequence at consecutive positions.
struct AttentionSegment {
  int32_t row_begin;
  int32_t row_count;
  int64_t position_begin;
  bool is_decode;
  PageList pages;
};

struct AttentionShape {
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  float scale = 1.0F;
  float soft_cap = 0.0F;          // 0: none
  int64_t window = 0;             // 0: all
  const float* sinks = nullptr;   // [heads]: learned scores beside the keys', or null. Xiao et al., StreamingLLM, 2023
  int rotated = 0;                // dims of a head that rotate; 0: none
  const float* q_norm = nullptr;  // [head_dim], or null
  const float* k_norm = nullptr;
  float q_eps = 0.0F;
  float k_eps = 0.0F;
};

struct AttentionInput {
  const float* q;  // [rows, heads * head_dim]
  const float* k;  // [rows, kv_heads * head_dim]
  const float* v;
  const float* cos;  // [rows, rotated / 2]
  const float* sin;
  int rows;
};

// Normalises and rotates q and k, writes k and v to the pool, attends: out [rows, heads * head_dim].
void attend(ThreadPool& pool, Workspace& workspace, const Kernels& kernels, const AttentionShape& shape,
            const KvPool& kv, std::span<const AttentionSegment> segments, const AttentionInput& input, float* out);

}  // namespace mlxserving::kernels
