// Codes in a file to f32, exactly.
#pragma once

#include "kernels/weight_numbers.inl"

inline uint64_t bits_at(const uint8_t* p, int bytes) {
  uint64_t word = 0;
  __builtin_memcpy(&word, p, static_cast<size_t>(bytes));
  return word;
}

// `count` codes from a row's bit stream, one a byte. Eight codes are `bits` whole bytes, for every width.
template <int kBits>
void unpack(const uint8_t* packed, int count, uint8_t* codes) {
  for (int i = 0; i < count; i += 8, packed += kBits) {
    const uint64_t spread = V::template spread<kBits>(bits_at(packed, kBits));
    __builtin_memcpy(codes + i, &spread, 8);
  }
}

constexpr int kGroupMax = 128;

template <int kBits>
void dequantize_affine(const Matrix& w, int64_t row, int64_t begin, int64_t count, float* out) {
  const uint8_t* packed = w.weight + row * w.row_bytes() + begin * kBits / 8;
  int64_t group = row * w.groups() + begin / w.group_size;
  uint8_t codes[kGroupMax];
  for (int64_t i = 0; i < count; i += w.group_size, ++group, packed += w.group_size * kBits / 8) {
    unpack<kBits>(packed, w.group_size, codes);
    const V::F s = V::set(scale_at(w, w.scales, group));
    const V::F b = V::set(scale_at(w, w.biases, group));
    for (int j = 0; j < w.group_size; j += V::kWidth) V::store(out + i + j, V::fma(s, V::from_u8(codes + j), b));
  }
}

void dequantize_e2m1(const Matrix& w, int64_t row, int64_t begin, int64_t count, float* out) {
  const uint8_t* packed = w.weight + row * w.row_bytes() + begin / 2;
  const uint8_t* scales = w.scales + row * w.groups() + begin / w.group_size;
  uint8_t codes[kGroupMax];
  for (int64_t i = 0; i < count; i += w.group_size, ++scales, packed += w.group_size / 2) {
    unpack<4>(packed, w.group_size, codes);
    const V::F s = V::set(w.packing == Packing::mxfp4 ? e8m0(*scales) : e4m3(*scales));
    for (int j = 0; j < w.group_size; j += V::kWidth) {
      V::store(out + i + j, V::mul(s, V::lookup16(kE2m1, codes + j)));
    }
  }
}

void dequantize_mxfp8(const Matrix& w, int64_t row, int64_t begin, int64_t count, float* out) {
  const uint8_t* codes = w.weight + row * w.row_bytes() + begin;
  const uint8_t* scales = w.scales + row * w.groups() + begin / w.group_size;
  for (int64_t i = 0; i < count; i += w.group_size, ++scales) {
    const V::F s = V::set(e8m0(*scales));
    for (int j = 0; j < w.group_size; j += V::kWidth) V::store(out + i + j, V::mul(s, V::from_e4m3(codes + i + j)));
  }
}

template <Float kType>
void widen(const uint8_t* data, int64_t count, float* out) {
  int64_t i = 0;
  for (; i + V::kWidth <= count; i += V::kWidth) V::store(out + i, V::load_as<kType>(data + i * bytes_of(kType)));
  const int rest = static_cast<int>(count - i);
  if (rest > 0) V::store_part(out + i, rest, V::load_part_as<kType>(data + i * bytes_of(kType), rest));
}

void dequantize_dense(const Matrix& w, int64_t row, int64_t begin, int64_t count, float* out) {
  const uint8_t* data = w.weight + row * w.row_bytes() + begin * bytes_of(w.type);
  switch (w.type) {
    case Float::f32: return widen<Float::f32>(data, count, out);
    case Float::f16: return widen<Float::f16>(data, count, out);
    case Float::bf16: return widen<Float::bf16>(data, count, out);
  }
}

void dequantize(const Matrix& w, int64_t row, int64_t begin, int64_t count, float* out) {
  switch (w.packing) {
    case Packing::dense: return dequantize_dense(w, row, begin, count, out);
    case Packing::mxfp4:
    case Packing::nvfp4: return dequantize_e2m1(w, row, begin, count, out);
    case Packing::mxfp8: return dequantize_mxfp8(w, row, begin, count, out);
    case Packing::affine: break;
  }
  switch (w.bits) {
    case 2: return dequantize_affine<2>(w, row, begin, count, out);
    case 3: return dequantize_affine<3>(w, row, begin, count, out);
    case 4: return dequantize_affine<4>(w, row, begin, count, out);
    case 5: return dequantize_affine<5>(w, row, begin, count, out);
    case 6: return dequantize_affine<6>(w, row, begin, count, out);
    default: return dequantize_affine<8>(w, row, begin, count, out);
  }
}
