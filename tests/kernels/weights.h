// Random weight matrices of every packing with their exact values, made by code that shares nothing with the kernels.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace mlxserving::kernels::testing {

using Random = std::mt19937;

inline float uniform(Random& random, float low, float high) {
  return std::uniform_real_distribution<float>(low, high)(random);
}

inline std::vector<float> normal_floats(Random& random, size_t count) {
  std::normal_distribution<float> normal;
  std::vector<float> floats(count);
  for (float& f : floats) f = normal(random);
  return floats;
}

// Bits of the nearest-toward-zero f16/bf16/f32, and their value: what a file would hold.
inline uint32_t truncated_bits(Float type, float x) {
  uint32_t u = 0;
  std::memcpy(&u, &x, 4);
  if (type == Float::f32) return u;
  if (type == Float::bf16) return u >> 16U;
  const auto exponent = static_cast<int>(u >> 23U & 0xFFU) - 112;
  if (exponent <= 0) return u >> 16U & 0x8000U;
  return (u >> 16U & 0x8000U) | static_cast<uint32_t>(exponent) << 10U | (u >> 13U & 0x3FFU);
}

inline double value_of(Float type, uint32_t bits) {
  if (type == Float::f16) {
    const int exponent = static_cast<int>(bits >> 10U & 0x1FU);
    const double mantissa = bits & 0x3FFU;
    const double sign = (bits & 0x8000U) != 0 ? -1 : 1;
    return sign * (exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25));
  }
  const uint32_t wide = type == Float::bf16 ? bits << 16U : bits;
  float value = 0;
  std::memcpy(&value, &wide, 4);
  return value;
}

// Bytes behind an offset that spoils their alignment, with nothing readable after them that belongs to the vector.
class UnalignedBytes {
 public:
  UnalignedBytes() = default;
  UnalignedBytes(size_t offset, size_t count) : offset_(offset), bytes_(offset + count) {}
  uint8_t* data() { return bytes_.data() + offset_; }

 private:
  size_t offset_ = 0;
  std::vector<uint8_t> bytes_;
};

struct Format {
  Packing packing = Packing::dense;
  Float type = Float::f32;
  int bits = 0;
  int group_size = 0;

  std::string name() const {
    constexpr const char* kPackings[] = {"dense", "affine", "mxfp4", "mxfp8", "nvfp4"};
    constexpr const char* kTypes[] = {"f32", "f16", "bf16"};
    return std::string(kPackings[static_cast<int>(packing)]) + "_" + kTypes[static_cast<int>(type)] + "_b" +
           std::to_string(bits) + "_g" + std::to_string(group_size);
  }
};

inline std::vector<Format> all_formats() {
  std::vector<Format> formats;
  for (const Float type : {Float::f32, Float::f16, Float::bf16}) formats.push_back({Packing::dense, type, 0, 0});
  for (const int bits : {2, 3, 4, 5, 6, 8}) {
    for (const int group : {32, 64, 128}) {
      for (const Float type : {Float::f32, Float::f16, Float::bf16}) {
        formats.push_back({Packing::affine, type, bits, group});
      }
    }
  }
  formats.push_back({Packing::mxfp4, Float::f32, 4, 32});
  formats.push_back({Packing::mxfp8, Float::f32, 8, 32});
  formats.push_back({Packing::nvfp4, Float::f32, 4, 16});
  return formats;
}

// A matrix, the bytes it points to, and its values.
struct RandomMatrix {
  Matrix matrix;
  std::vector<double> values;  // [rows, columns], without the bias
  UnalignedBytes weight;
  UnalignedBytes scales;
  UnalignedBytes biases;
  std::vector<float> bias;

  RandomMatrix(const Format& format, int64_t rows, int64_t columns, uint32_t seed, bool with_bias = false) {
    Random random(seed);
    matrix = {.packing = format.packing,
              .type = format.type,
              .bits = format.bits,
              .group_size = format.group_size,
              .rows = rows,
              .columns = columns};
    values.resize(static_cast<size_t>(rows * columns));
    const size_t offset = 1 + seed % 7;
    weight = UnalignedBytes(offset, static_cast<size_t>(rows * matrix.row_bytes()));
    if (format.packing == Packing::dense) {
      fill_dense(random);
    } else {
      const auto count = static_cast<size_t>(rows * matrix.groups() * matrix.scale_bytes());
      scales = UnalignedBytes(offset + 2, count);
      if (format.packing == Packing::affine) biases = UnalignedBytes(offset + 4, count);
      fill_packed(random);
    }
    matrix.weight = weight.data();
    matrix.scales = scales.data();
    matrix.biases = biases.data();
    if (with_bias) {
      bias = normal_floats(random, static_cast<size_t>(rows));
      matrix.bias = bias.data();
    }
  }
  RandomMatrix(const RandomMatrix&) = delete;
  RandomMatrix& operator=(const RandomMatrix&) = delete;

 private:
  double put(UnalignedBytes& to, size_t index, float x) {
    const uint32_t bits = truncated_bits(matrix.type, x);
    const auto size = static_cast<size_t>(bytes_of(matrix.type));
    std::memcpy(to.data() + index * size, &bits, size);
    return value_of(matrix.type, bits);
  }

  void fill_dense(Random& random) {
    std::normal_distribution<float> normal;
    for (size_t i = 0; i < values.size(); ++i) values[i] = put(weight, i, normal(random));
  }

  void put_code(int64_t row, int64_t k, unsigned code) {
    for (int b = 0; b < matrix.bits; ++b) {
      const int64_t bit = k * matrix.bits + b;
      const auto byte = static_cast<uint8_t>((code >> b & 1U) << (bit % 8));
      weight.data()[row * matrix.row_bytes() + bit / 8] |= byte;
    }
  }

  // Scale and bias of a group.
  std::pair<double, double> put_scale(Random& random, size_t group) {
    if (matrix.packing == Packing::affine) {
      const double scale = put(scales, group, uniform(random, -0.1F, 0.1F));
      return {scale, put(biases, group, uniform(random, -1, 1))};
    }
    const auto byte = static_cast<uint8_t>(matrix.packing == Packing::nvfp4 ? random() % 0x7F : 120 + random() % 9);
    scales.data()[group] = byte;
    return {matrix.packing == Packing::nvfp4 ? e4m3(byte) : std::ldexp(1.0, byte - 127), 0};
  }

  static double e4m3(unsigned u) {
    const int exponent = static_cast<int>(u >> 3U & 0xFU);
    const double mantissa = u & 7U;
    const double magnitude = exponent == 0 ? std::ldexp(mantissa, -9) : std::ldexp(8 + mantissa, exponent - 10);
    return (u & 0x80U) != 0 ? -magnitude : magnitude;
  }

  double code_value(unsigned code) const {
    if (matrix.packing == Packing::affine) return code;
    if (matrix.packing == Packing::mxfp8) return e4m3(code);
    constexpr double kMagnitudes[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
    return (code & 8U) != 0 ? -kMagnitudes[code & 7U] : kMagnitudes[code & 7U];
  }

  unsigned random_code(Random& random) const {
    const unsigned code = random() & ((1U << matrix.bits) - 1U);
    return matrix.packing == Packing::mxfp8 && (code & 0x7FU) == 0x7FU ? 0 : code;  // no NaN in weights
  }

  void fill_packed(Random& random) {
    for (int64_t row = 0; row < matrix.rows; ++row) {
      double scale = 0;
      double offset = 0;
      for (int64_t k = 0; k < matrix.columns; ++k) {
        if (k % matrix.group_size == 0) {
          std::tie(scale, offset) =
              put_scale(random, static_cast<size_t>(row * matrix.groups() + k / matrix.group_size));
        }
        const unsigned code = random_code(random);
        put_code(row, k, code);
        values[static_cast<size_t>(row * matrix.columns + k)] = code_value(code) * scale + offset;
      }
    }
  }
};

// ‖got - want‖ / ‖want‖
template <typename A, typename B>
double relative_error(const A& got, const B& want) {
  double error = 0;
  double norm = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    error += (got[i] - want[i]) * (got[i] - want[i]);
    norm += static_cast<double>(want[i]) * want[i];
  }
  return std::sqrt(error / (norm > 0 ? norm : 1));
}

}  // namespace mlxserving::kernels::testing
