// exp and what is made of it, good to about 2e-7 relative. NaN stays NaN.
#pragma once

// Cody and Waite's reduction with the polynomial of Cephes' expf (Moshier); below -87.3 the result is 0, above 88.3 it
// stays at 2^127.5.
inline V::F exp(V::F x) {
  const V::F clamped = V::min(V::set(88.37F), x);
  const V::F n = V::round(V::mul(clamped, V::set(1.44269504F)));
  const V::F high = V::fma(n, V::set(-0.693359375F), clamped);
  const V::F r = V::fma(n, V::set(2.12194440e-4F), high);
  V::F p = V::set(1.9875691500e-4F);
  p = V::fma(p, r, V::set(1.3981999507e-3F));
  p = V::fma(p, r, V::set(8.3334519073e-3F));
  p = V::fma(p, r, V::set(4.1665795894e-2F));
  p = V::fma(p, r, V::set(1.6666665459e-1F));
  p = V::fma(p, r, V::set(5.0000001201e-1F));
  p = V::fma(p, V::mul(r, r), V::add(r, V::set(1)));
  return V::zero_where_less(x, V::set(-87.33F), V::mul(p, V::pow2(n)));
}

// x / (1 + exp(-x))
inline V::F silu(V::F x) { return V::div(x, V::add(V::set(1), exp(V::sub(V::set(0), x)))); }

// x/2 * (1 + tanh(u)) = x / (1 + exp(-2u)) with u = sqrt(2/pi) * (x + 0.044715 x³). Hendrycks and Gimpel, 2016.
inline V::F gelu_tanh(V::F x) {
  const V::F cubic = V::fma(V::mul(V::mul(x, x), x), V::set(0.044715F), x);
  return V::div(x, V::add(V::set(1), exp(V::mul(cubic, V::set(-1.5957691216F)))));
}

// tanh(x) = 1 - 2 / (exp(2x) + 1)
inline V::F capped(V::F x, float cap) {
  const V::F e = exp(V::mul(x, V::set(2 / cap)));
  const V::F tanh = V::sub(V::set(1), V::div(V::set(2), V::add(e, V::set(1))));
  return V::mul(tanh, V::set(cap));
}
