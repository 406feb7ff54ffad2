#include "nn/mlx_ops.h"

#include <mlx/allocator.h>
#include <mlx/fast.h>
#include <mlx/ops.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

#include "core/check.h"
#include "nn/mlx_kv_store.h"

namespace mlxserving::nn {

namespace mx = mlx::core;

namespace {

class MlxLinear final : public LinearWeights {
 public:
  MlxLinear(array weight, std::optional<format::QuantSpec> quantization, std::optional<array> scales,
            std::optional<array> biases, std::optional<array> bias)
      : weight(std::move(weight)),
        quantization(quantization),
        scales(std::move(scales)),
        biases(std::move(biases)),
        bias(std::move(bias)) {}

  array weight;  // dense [out, in], or packed u32
  std::optional<format::QuantSpec> quantization;
  std::optional<array> scales;
  std::optional<array> biases;
  std::optional<array> bias;
};

class MlxNorm final : public NormWeights {
 public:
  MlxNorm(array weight, float eps) : weight(std::move(weight)), eps(eps) {}

  array weight;
  float eps;
};

class MlxRope final : public RopeTable {
 public:
  MlxRope(RopeSpec spec, array periods) : spec(std::move(spec)), periods(std::move(periods)) {}

  RopeSpec spec;
  array periods;  // [dims / 2], what fast::rope calls freqs: radians are position / period
};

// What this implementation made comes back to it alone.
const MlxLinear& mine(const Linear& w) { return static_cast<const MlxLinear&>(*w); }
const MlxNorm& mine(const Norm& norm) { return static_cast<const MlxNorm&>(*norm); }
const MlxRope& mine(const Rope& rope) { return static_cast<const MlxRope&>(*rope); }

mx::Dtype dtype_of(format::DType dtype) {
  switch (dtype) {
    case format::DType::f16: return mx::float16;
    case format::DType::bf16: return mx::bfloat16;
    case format::DType::f32: return mx::float32;
    case format::DType::u32: return mx::uint32;
    case format::DType::u8:
    case format::DType::f8_e4m3:
    case format::DType::f8_e8m0: return mx::uint8;
    case format::DType::boolean:
    case format::DType::i8:
    case format::DType::u16:
    case format::DType::i16:
    case format::DType::i32:
    case format::DType::u64:
    case format::DType::i64:
    case format::DType::c64: break;
  }
  check(false, "a weight is a float, packed words or bytes");
  return mx::uint8;
}

mx::Dtype dtype_of(KvType type) {
  switch (type) {
    case KvType::f32: return mx::float32;
    case KvType::bf16: return mx::bfloat16;
    case KvType::f16: return mx::float16;
    case KvType::int8: throw BrokenInvariant("MLX's ops keep no 8-bit cache");
  }
  return mx::float32;
}

// A copy: MLX's own memory is where its GPU kernels read from, and the file's bytes may be unaligned.
array copied(const format::Tensor& tensor) {
  mx::Shape shape;
  for (const int64_t size : tensor.shape) shape.push_back(static_cast<int>(size));
  mx::allocator::Data data = mx::allocator::malloc(tensor.bytes.size());
  check(tensor.bytes.empty() || data.buffer().ptr() != nullptr, "MLX has memory for a weight");
  if (!tensor.bytes.empty()) std::memcpy(data.buffer().raw_ptr(), tensor.bytes.data(), tensor.bytes.size());
  return array(std::move(data), std::move(shape), dtype_of(tensor.dtype));
}

array int_array(std::span<const int32_t> values) {
  return array(values.data(), mx::Shape{static_cast<int>(values.size())}, mx::int32);
}

bool is_half(const array& x) { return x.dtype() == mx::float16 || x.dtype() == mx::bfloat16; }

class MlxOps final : public Ops {
 public:
  explicit MlxOps(Numerics numerics) : numerics_(numerics) {}

  Linear make_linear(const LinearTensors& tensors) override {
    const auto optional = [&](const std::optional<format::Tensor>& tensor) {
      return tensor ? std::optional(floats(copied(*tensor))) : std::nullopt;
    };
    return std::make_shared<MlxLinear>(floats(copied(tensors.weight)), tensors.quantization, optional(tensors.scales),
                                       optional(tensors.biases), optional(tensors.bias));
  }

  Norm make_norm(const format::Tensor& weight, float eps, float weight_offset) override {
    array w = floats(copied(weight));
    if (weight_offset != 0.0F) {
      w = mx::add(array(weight_offset, w.dtype()), w);
      w.eval();
    }
    return std::make_shared<MlxNorm>(w, eps);
  }

  Rope make_rope(const RopeSpec& spec) override {
    std::vector<float> periods;
    periods.reserve(spec.inverse_frequencies.size());
    for (const float frequency : spec.inverse_frequencies) periods.push_back(1.0F / frequency);
    const auto count = static_cast<int>(periods.size());
    return std::make_shared<MlxRope>(spec, array(periods.begin(), mx::Shape{count}, mx::float32));
  }

  std::unique_ptr<KvStore> make_kv_store(const KvLayout& layout, std::span<const int32_t> pages, KvType type) override {
    return std::make_unique<MlxKvStore>(layout, pages, dtype_of(type));
  }

  array embed(std::span<const int32_t> tokens, const Linear& linear, float scale) const override {
    const MlxLinear& table = mine(linear);
    const array rows = int_array(tokens);
    array x = mx::take(table.weight, rows, 0);
    if (table.quantization) {
      const format::QuantSpec& spec = *table.quantization;
      const auto biases = table.biases ? std::optional(mx::take(*table.biases, rows, 0)) : std::nullopt;
      // The small float modes have no float tensor to tell the type of the result.
      const auto dtype = biases ? std::nullopt : std::optional(activation_dtype());
      x = mx::dequantize(x, mx::take(*table.scales, rows, 0), biases, spec.group_size, spec.bits,
                         std::string(format::to_string(spec.mode)), std::nullopt, dtype);
    }
    return scale == 1.0F ? x : mx::multiply(x, array(scale, x.dtype()));
  }

  array linear(const array& x, const Linear& linear) const override {
    const MlxLinear& w = mine(linear);
    array y = w.quantization ? quantized(x, w) : mx::matmul(x, mx::transpose(w.weight));
    return w.bias ? mx::add(y, *w.bias) : y;
  }

  std::vector<array> linears(const array& x, std::span<const Linear> ws) const override {
    std::vector<array> out;
    out.reserve(ws.size());
    for (const Linear& w : ws) out.push_back(linear(x, w));
    return out;
  }

  array rms_norm(const array& x, const Norm& norm) const override {
    return mx::fast::rms_norm(x, mine(norm).weight, mine(norm).eps);
  }

  array add(const array& x, const array& y) const override { return mx::add(x, y); }

  array gated(const array& gate, const array& up, Activation activation) const override {
    switch (activation) {
      case Activation::silu: return mx::multiply(mx::multiply(gate, mx::sigmoid(gate)), up);
      case Activation::gelu_tanh: return mx::multiply(gelu_tanh(gate), up);
    }
    return gate;
  }

  array select_rows(const array& x, std::span<const int32_t> rows) const override {
    return mx::take(x, int_array(rows), 0);
  }

  array soft_cap(const array& x, float cap) const override {
    const array c(cap, x.dtype());
    return mx::multiply(mx::tanh(mx::divide(x, c)), c);
  }

  array attention(const array& q, const array& k, const array& v, const AttentionSpec& spec,
                  const KvView& kv) const override {
    auto& store = static_cast<MlxKvStore&>(kv.store);
    const int rows = q.shape(0);
    const array queries = rotated(normed(q, spec.heads, spec, spec.q_norm), spec, kv.step);
    const array keys = rotated(normed(k, spec.kv_heads, spec, spec.k_norm), spec, kv.step);
    store.append(kv.layer, kv.step, keys, mx::reshape(v, {rows, spec.kv_heads, spec.head_dim}));
    std::vector<array> out;
    out.reserve(kv.step.segments.size());
    for (const Segment& segment : kv.step.segments) out.push_back(attended(queries, spec, kv.layer, segment, store));
    return out.size() == 1 ? out[0] : mx::concatenate(out, 0);
  }

  // MLX reports its errors itself, as exceptions of the evaluation.
  void begin_step(const Step& /*step*/) override {}
  std::optional<Error> take_error() override { return std::nullopt; }

 private:
  mx::Dtype activation_dtype() const { return numerics_ == Numerics::f32 ? mx::float32 : mx::bfloat16; }

  // Packed words and byte scales stay as they are.
  array floats(array x) const {
    if (numerics_ != Numerics::f32 || !is_half(x)) return x;
    x = mx::astype(x, mx::float32);
    x.eval();
    return x;
  }

  static array quantized(const array& x, const MlxLinear& w) {
    const format::QuantSpec& spec = *w.quantization;
    return mx::quantized_matmul(x, w.weight, *w.scales, w.biases, /*transpose=*/true, spec.group_size, spec.bits,
                                std::string(format::to_string(spec.mode)));
  }

  // Hendrycks & Gimpel, Gaussian Error Linear Units, 2016, in the approximation by tanh.
  static array gelu_tanh(const array& x) {
    const auto constant = [&](double value) { return array(static_cast<float>(value), x.dtype()); };
    const array cube = mx::multiply(mx::multiply(x, x), x);
    const array inner = mx::multiply(constant(std::sqrt(2.0 / 3.14159265358979323846)),
                                     mx::add(x, mx::multiply(constant(0.044715), cube)));
    return mx::multiply(mx::multiply(constant(0.5), x), mx::add(constant(1.0), mx::tanh(inner)));
  }

  // [rows, heads * head_dim] → [rows, heads, head_dim].
  static array normed(const array& x, int heads, const AttentionSpec& spec, const Norm& norm) {
    const array split = mx::reshape(x, {x.shape(0), heads, spec.head_dim});
    return norm ? mx::fast::rms_norm(split, mine(norm).weight, mine(norm).eps) : split;
  }

  // Each row by its own position: rows stand where fast::rope has its batch, which takes one offset an entry.
  static array rotated(const array& x, const AttentionSpec& spec, const Step& step) {
    if (!spec.rope) return x;
    const RopeSpec& rope = mine(spec.rope).spec;
    const int dims = 2 * static_cast<int>(rope.inverse_frequencies.size());
    const array scaled = rope.scale == 1.0F ? x : scaled_front(x, dims, rope.scale);
    const bool stretches = rope.dynamic_from > 0 && *std::ranges::max_element(step.positions) >= rope.dynamic_from;
    if (stretches) return rotated_by_angles(scaled, rope, step);
    const array batch = mx::expand_dims(scaled, 2);  // [rows, heads, 1, head_dim]
    const array turned = mx::fast::rope(batch, dims, /*traditional=*/false, std::nullopt, 1.0F,
                                        int_array(step.positions), mine(spec.rope).periods);
    return mx::squeeze(turned, 2);
  }

  // The first `dims` elements of each head times `scale`.
  static array scaled_front(const array& x, int dims, float scale) {
    std::vector<float> factors(static_cast<size_t>(x.shape(2)), 1.0F);
    std::fill_n(factors.begin(), dims, scale);
    return mx::multiply(x, mx::astype(array(factors.begin(), mx::Shape{x.shape(2)}, mx::float32), x.dtype()));
  }

  // For frequencies that depend on the position, which fast::rope has not. x: [rows, heads, head_dim].
  static array rotated_by_angles(const array& x, const RopeSpec& rope, const Step& step) {
    const int half = static_cast<int>(rope.inverse_frequencies.size());
    const int rows = x.shape(0);
    const int heads = x.shape(1);
    std::vector<float> angles;
    for (const int32_t position : step.positions) {
      const std::vector<float> row = rope_angles(rope, position);
      angles.insert(angles.end(), row.begin(), row.end());
    }
    const array theta(angles.begin(), mx::Shape{rows, 1, half}, mx::float32);
    const array cosine = mx::astype(mx::cos(theta), x.dtype());
    const array sine = mx::astype(mx::sin(theta), x.dtype());
    const array a = mx::slice(x, {0, 0, 0}, {rows, heads, half});
    const array b = mx::slice(x, {0, 0, half}, {rows, heads, 2 * half});
    const array rest = mx::slice(x, {0, 0, 2 * half}, {rows, heads, x.shape(2)});
    return mx::concatenate({mx::subtract(mx::multiply(a, cosine), mx::multiply(b, sine)),
                            mx::add(mx::multiply(a, sine), mx::multiply(b, cosine)), rest},
                           2);
  }

  // One segment's rows over the positions its first row can see and those since: [rows, heads * head_dim].
  static array attended(const array& queries, const AttentionSpec& spec, int layer, const Segment& segment,
                        const MlxKvStore& store) {
    const int rows = segment.row_count;
    const array own =
        mx::slice(queries, {segment.row_begin, 0, 0}, {segment.row_begin + rows, spec.heads, spec.head_dim});
    const auto q = mx::expand_dims(mx::transpose(own, {1, 0, 2}), 0);  // [1, heads, rows, head_dim]
    const int32_t window = store.window(layer);
    const int32_t end = segment.position_begin + rows;
    const int32_t begin = window == 0 ? 0 : std::max(0, segment.position_begin - window + 1);
    const auto [k, v] = store.read(layer, segment, begin, end);  // [1, kv heads, positions, head_dim]
    const bool narrows = window > 0 && end - begin > window;     // some row sees less than all rows before it
    const array out =
        spec.soft_cap > 0.0F ? soft_capped(q, k, v, spec, mask(segment, begin, window))
        : narrows ? mx::fast::scaled_dot_product_attention(q, k, v, spec.scale, "array", mask(segment, begin, window))
                  : mx::fast::scaled_dot_product_attention(q, k, v, spec.scale, rows > 1 ? "causal" : "");
    // The cache may be of another type than the activations, which keep theirs.
    return mx::astype(mx::reshape(mx::transpose(out, {0, 2, 1, 3}), {rows, spec.heads * spec.head_dim}),
                      queries.dtype());
  }

  // [rows, positions]: true where a row may look.
  static array mask(const Segment& segment, int32_t begin, int32_t window) {
    const int32_t end = segment.position_begin + segment.row_count;
    const array row = mx::expand_dims(mx::arange(segment.position_begin, end, mx::int32), 1);
    const array column = mx::expand_dims(mx::arange(begin, end, mx::int32), 0);
    const array causal = mx::greater_equal(row, column);
    return window == 0 ? causal : mx::logical_and(causal, mx::less(row, mx::add(column, array(window, mx::int32))));
  }

  // Attention written out, for scores that are bent before the softmax (Gemma 2).
  static array soft_capped(const array& q, const array& k, const array& v, const AttentionSpec& spec,
                           const array& mask) {
    const int repeats = spec.heads / spec.kv_heads;
    const array keys = mx::repeat(k, repeats, 1);
    const array values = mx::repeat(v, repeats, 1);
    const array cap(spec.soft_cap, q.dtype());
    const array scores = mx::matmul(mx::multiply(q, array(spec.scale, q.dtype())), mx::swapaxes(keys, 2, 3));
    const array bent = mx::multiply(mx::tanh(mx::divide(scores, cap)), cap);
    const array masked = mx::where(mask, bent, array(-std::numeric_limits<float>::infinity(), q.dtype()));
    return mx::matmul(mx::softmax(masked, -1, /*precise=*/true), values);
  }

  Numerics numerics_;
};

}  // namespace

std::unique_ptr<Ops> make_mlx_ops(Numerics numerics) { return std::make_unique<MlxOps>(numerics); }

}  // namespace mlxserving::nn
