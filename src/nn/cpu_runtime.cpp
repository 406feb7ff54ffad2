#include "nn/cpu_runtime.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"

namespace mlxserving::nn {
namespace {

// Elementwise work of fewer floats than this is done before another thread has noticed it.
constexpr int64_t kFloatsATask = 8192;

int rows_of(std::span<const RoleRun> runs) { return runs.empty() ? 0 : runs.back().end; }

const kernels::LinearKernel* kernel_of(const CpuLinear& w, RowRole role) {
  return role == RowRole::decode ? w.kernels().decode : w.kernels().prefill;
}

}  // namespace

StepRows::StepRows(const Step& step) : positions_(step.positions) {
  for (const auto& segment : step.segments) {
    const int end = segment.row_begin + segment.row_count;
    if (!runs_.empty() && runs_.back().role == segment.role) {
      runs_.back().end = end;
    } else {
      runs_.push_back({segment.row_begin, end, segment.role});
    }
  }
}

std::vector<RoleRun> StepRows::runs(int count) const {
  if (count == rows()) return runs_;
  return {{0, count, RowRole::decode}};
}

std::shared_ptr<const Rotation> StepRows::rotation(const Rope& rope) {
  auto& rotation = rotations_[rope.get()];
  if (rotation) return rotation;
  auto fresh = std::make_shared<Rotation>();
  if (rope) {
    const RopeSpec& spec = cpu(rope).spec();
    fresh->dims = static_cast<int>(spec.inverse_frequencies.size()) * 2;
    for (const int32_t position : positions_) {
      for (const float angle : rope_angles(spec, position)) {
        fresh->cos.push_back(std::cos(angle) * spec.scale);
        fresh->sin.push_back(std::sin(angle) * spec.scale);
      }
    }
  }
  return rotation = fresh;
}

// work(begin, end) over [0, count) in pieces of whole units.
template <typename Work>
void CpuRuntime::for_ranges(int64_t count, int64_t unit, Work work) {
  const int64_t fitting = std::max<int64_t>(kFloatsATask / unit, 1) * unit;
  const int64_t piece = std::max(fitting, (count / kernels::kTasksMax / unit + 1) * unit);
  pool_.run(static_cast<int>((count + piece - 1) / piece),
            [&](int task, int) { work(task * piece, std::min((task + 1) * piece, count)); });
}

void CpuRuntime::embed(std::span<const int32_t> tokens, const CpuLinear& table, float scale, float* out) {
  const int64_t width = table.matrix().columns;
  for_ranges(static_cast<int64_t>(tokens.size()) * width, width, [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; at += width) {
      kernels_.dequantize(table.matrix(), tokens[static_cast<size_t>(at / width)], 0, width, out + at);
      if (scale != 1.0F) kernels_.scale(out + at, scale, out + at, width);
    }
  });
}

void CpuRuntime::multiply(const float* x, std::span<const RoleRun> runs, std::span<const Output> outputs) {
  const bool tells_apart = std::any_of(outputs.begin(), outputs.end(), [](const Output& output) {
    return kernel_of(output.w, RowRole::decode) != kernel_of(output.w, RowRole::prefill);
  });
  // Where both roles have one kernel the weights are read once for all rows.
  const RoleRun all[] = {{0, rows_of(runs), RowRole::decode}};
  if (!tells_apart) runs = all;
  std::vector<kernels::Product> products;
  for (const auto& run : runs) {
    products.clear();
    for (const auto& output : outputs) {
      const kernels::Matrix& w = output.w.matrix();
      products.push_back({&w, kernel_of(output.w, run.role), {output.y + run.begin * w.rows, w.rows}});
    }
    const int64_t columns = outputs[0].w.matrix().columns;
    kernels::multiply(pool_, workspace_, {x + run.begin * columns, columns, run.end - run.begin}, products);
  }
}

void CpuRuntime::rms_norm(const float* x, int rows, const CpuNorm& norm, float* out) {
  const int64_t width = norm.width();
  for_ranges(rows * width, width, [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; at += width) {
      kernels_.rms_norm(x + at, norm.weight(), norm.eps(), out + at, width);
    }
  });
}

void CpuRuntime::add(const float* x, const float* y, int64_t count, float* out) {
  for_ranges(count, 1,
             [&](int64_t begin, int64_t end) { kernels_.add(x + begin, y + begin, out + begin, end - begin); });
}

void CpuRuntime::gate(Activation activation, const float* gate, const float* up, int64_t count, float* out) {
  const auto kind = activation == Activation::silu ? kernels::Gate::silu : kernels::Gate::gelu_tanh;
  for_ranges(count, 1, [&](int64_t begin, int64_t end) {
    kernels_.gate(kind, gate + begin, up + begin, out + begin, end - begin);
  });
}

void CpuRuntime::soft_cap(const float* x, float cap, int64_t count, float* out) {
  for_ranges(count, 1,
             [&](int64_t begin, int64_t end) { kernels_.soft_cap(x + begin, cap, out + begin, end - begin); });
}

void CpuRuntime::attend(const AttentionCall& call, const float* q, const float* k, const float* v, int rows,
                        float* out) {
  const kernels::AttentionInput input{q, k, v, call.rotation->cos.data(), call.rotation->sin.data(), rows};
  kernels::attend(pool_, workspace_, kernels_, call.shape, call.pool, call.segments, input, out);
}

// out = x + norm(out)
void CpuRuntime::add_residual(const float* x, const Norm& norm, int rows, int width, float* out) {
  if (norm) rms_norm(out, rows, cpu(norm), out);
  add(x, out, int64_t{rows} * width, out);
}

void CpuRuntime::attention_block(const AttentionBlock& block, const AttentionCall& call, std::span<const RoleRun> runs,
                                 const float* x, float* out) {
  const int rows = rows_of(runs);
  const CpuNorm& norm = cpu(block.input_norm);
  const CpuLinear* projections[] = {&cpu(block.q_proj), &cpu(block.k_proj), &cpu(block.v_proj)};
  float* normed = blocks_[0].floats(static_cast<size_t>(rows) * static_cast<size_t>(norm.width()));
  rms_norm(x, rows, norm, normed);

  float* qkv[3];
  for (size_t i = 0; i < 3; ++i) {
    qkv[i] = blocks_[i + 1].floats(static_cast<size_t>(rows * projections[i]->matrix().rows));
  }
  const Output outputs[] = {{*projections[0], qkv[0]}, {*projections[1], qkv[1]}, {*projections[2], qkv[2]}};
  multiply(normed, runs, outputs);

  float* attended = blocks_[0].floats(static_cast<size_t>(rows * projections[0]->matrix().rows));
  attend(call, qkv[0], qkv[1], qkv[2], rows, attended);
  const Output output[] = {{cpu(block.o_proj), out}};
  multiply(attended, runs, output);
  add_residual(x, block.output_norm, rows, norm.width(), out);
}

void CpuRuntime::mlp_block(const MlpBlock& block, std::span<const RoleRun> runs, const float* x, float* out) {
  const int rows = rows_of(runs);
  const CpuNorm& norm = cpu(block.input_norm);
  const CpuLinear& gate_proj = cpu(block.gate_proj);
  const CpuLinear& up_proj = cpu(block.up_proj);
  float* normed = blocks_[0].floats(static_cast<size_t>(rows) * static_cast<size_t>(norm.width()));
  rms_norm(x, rows, norm, normed);

  const auto count = static_cast<size_t>(rows * gate_proj.matrix().rows);
  float* gated = blocks_[1].floats(count);
  float* up = blocks_[2].floats(count);
  const Output outputs[] = {{gate_proj, gated}, {up_proj, up}};
  multiply(normed, runs, outputs);
  gate(block.activation, gated, up, static_cast<int64_t>(count), gated);

  const Output output[] = {{cpu(block.down_proj), out}};
  multiply(gated, runs, output);
  add_residual(x, block.output_norm, rows, norm.width(), out);
}

void CpuRuntime::decoder_layers(std::span<const DecoderLayer> layers, std::span<const AttentionCall> calls,
                                std::span<const RoleRun> runs, const float* x, float* out) {
  const int width = cpu(layers.front().self_attn.input_norm).width();
  float* h = blocks_[4].floats(static_cast<size_t>(rows_of(runs)) * static_cast<size_t>(width));
  for (size_t i = 0; i < layers.size(); ++i) {
    attention_block(layers[i].self_attn, calls[i], runs, i == 0 ? x : out, h);
    mlp_block(layers[i].mlp, runs, h, out);
  }
}

}  // namespace mlxserving::nn
