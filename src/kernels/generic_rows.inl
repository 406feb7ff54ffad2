// Elementwise functions, norms and rotation: one row at a time.
#pragma once

#include "kernels/generic_math.inl"

// out[i] = f(i, load), where load(p) gives the elements of p at i.
template <typename F>
void for_each_vector(float* out, int64_t count, F f) {
  int64_t i = 0;
  for (; i + V::kWidth <= count; i += V::kWidth) V::store(out + i, f([i](const float* p) { return V::load(p + i); }));
  if (i == count) return;
  const int rest = static_cast<int>(count - i);
  V::store_part(out + i, rest, f([i, rest](const float* p) { return V::load_part(p + i, rest); }));
}

void add(const float* x, const float* y, float* out, int64_t count) {
  for_each_vector(out, count, [=](auto load) { return V::add(load(x), load(y)); });
}

void scale(const float* x, float factor, float* out, int64_t count) {
  for_each_vector(out, count, [=](auto load) { return V::mul(load(x), V::set(factor)); });
}

void gate(Gate kind, const float* gate, const float* up, float* out, int64_t count) {
  if (kind == Gate::silu) {
    for_each_vector(out, count, [=](auto load) { return V::mul(silu(load(gate)), load(up)); });
  } else {
    for_each_vector(out, count, [=](auto load) { return V::mul(gelu_tanh(load(gate)), load(up)); });
  }
}

void soft_cap(const float* x, float cap, float* out, int64_t count) {
  for_each_vector(out, count, [=](auto load) { return capped(load(x), cap); });
}

void rms_norm(const float* x, const float* weight, float eps, float* out, int64_t count) {
  V::F squares = V::set(0);
  int64_t i = 0;
  for (; i + V::kWidth <= count; i += V::kWidth) {
    const V::F v = V::load(x + i);
    squares = V::fma(v, v, squares);
  }
  if (i < count) {
    const V::F v = V::load_part(x + i, static_cast<int>(count - i));
    squares = V::fma(v, v, squares);
  }
  const float factor = 1.0F / __builtin_sqrtf(V::sum(squares) / static_cast<float>(count) + eps);
  for_each_vector(out, count, [=](auto load) { return V::mul(V::mul(load(x), V::set(factor)), load(weight)); });
}

void rotate(float* x, const float* cos, const float* sin, int64_t half) {
  const auto rotate_pair = [=](int64_t i, auto load, auto store) {
    const V::F a = load(x + i);
    const V::F b = load(x + half + i);
    const V::F c = load(cos + i);
    const V::F s = load(sin + i);
    store(x + i, V::sub(V::mul(a, c), V::mul(b, s)));
    store(x + half + i, V::add(V::mul(b, c), V::mul(a, s)));
  };
  int64_t i = 0;
  for (; i + V::kWidth <= half; i += V::kWidth) rotate_pair(i, V::load, V::store);
  if (i == half) return;
  const int rest = static_cast<int>(half - i);
  rotate_pair(
      i, [rest](const float* p) { return V::load_part(p, rest); },
      [rest](float* p, V::F v) { V::store_part(p, rest, v); });
}
