#include "format/ggml_blocks.h"

#include <cstring>

#include "core/check.h"
#include "format/float_types.h"

namespace mlxserving::format {
namespace {

struct TypeRow {
  GgmlType type;
  std::string_view name;
  size_t elements;
  size_t bytes;
};

// Block sizes as ggml-common.h has them: scales, minima and codes of one block.
constexpr TypeRow kTypes[] = {
    {GgmlType::F32, "F32", 1, 4},
    {GgmlType::F16, "F16", 1, 2},
    {GgmlType::Q4_0, "Q4_0", 32, 18},
    {GgmlType::Q4_1, "Q4_1", 32, 20},
    {GgmlType::Q5_0, "Q5_0", 32, 22},
    {GgmlType::Q5_1, "Q5_1", 32, 24},
    {GgmlType::Q8_0, "Q8_0", 32, 34},
    {GgmlType::Q8_1, "Q8_1", 32, 40},
    {GgmlType::Q2_K, "Q2_K", 256, 84},
    {GgmlType::Q3_K, "Q3_K", 256, 110},
    {GgmlType::Q4_K, "Q4_K", 256, 144},
    {GgmlType::Q5_K, "Q5_K", 256, 176},
    {GgmlType::Q6_K, "Q6_K", 256, 210},
    {GgmlType::Q8_K, "Q8_K", 256, 292},
    {GgmlType::IQ2_XXS, "IQ2_XXS", 256, 66},
    {GgmlType::IQ2_XS, "IQ2_XS", 256, 74},
    {GgmlType::IQ3_XXS, "IQ3_XXS", 256, 98},
    {GgmlType::IQ1_S, "IQ1_S", 256, 50},
    {GgmlType::IQ4_NL, "IQ4_NL", 32, 18},
    {GgmlType::IQ3_S, "IQ3_S", 256, 110},
    {GgmlType::IQ2_S, "IQ2_S", 256, 82},
    {GgmlType::IQ4_XS, "IQ4_XS", 256, 136},
    {GgmlType::I8, "I8", 1, 1},
    {GgmlType::I16, "I16", 1, 2},
    {GgmlType::I32, "I32", 1, 4},
    {GgmlType::I64, "I64", 1, 8},
    {GgmlType::F64, "F64", 1, 8},
    {GgmlType::IQ1_M, "IQ1_M", 256, 56},
    {GgmlType::BF16, "BF16", 1, 2},
    {GgmlType::TQ1_0, "TQ1_0", 256, 54},
    {GgmlType::TQ2_0, "TQ2_0", 256, 66},
    {GgmlType::MXFP4, "MXFP4", 32, 17},
    {GgmlType::NVFP4, "NVFP4", 64, 36},
    {GgmlType::Q1_0, "Q1_0", 128, 18},
};

const TypeRow* find_row(uint32_t type) {
  for (const TypeRow& row : kTypes) {
    if (static_cast<uint32_t>(row.type) == type) return &row;
  }
  return nullptr;
}

const TypeRow& row_of(GgmlType type) {
  const TypeRow* row = find_row(static_cast<uint32_t>(type));
  check(row != nullptr, "every GgmlType has a row");
  return *row;
}

constexpr size_t kSmallBlock = 32;
constexpr size_t kSuperBlock = 256;

uint8_t byte_at(const std::byte* bytes, size_t i) { return std::to_integer<uint8_t>(bytes[i]); }

float half_at(const std::byte* bytes) {
  uint16_t bits = 0;
  std::memcpy(&bits, bytes, sizeof(bits));
  return f32_from_f16(bits);
}

// Element i of a small block: the low nibbles hold its first half, the high nibbles its second.
int nibble(const std::byte* codes, size_t i) { return i < 16 ? byte_at(codes, i) & 15 : byte_at(codes, i - 16) >> 4; }

int fifth_bit(const std::byte* high, size_t i) { return (byte_at(high, i / 8) >> (i % 8) & 1) << 4; }

// One block as affine groups of 32: codes[elements], scales[groups], biases[groups].
struct AffineOut {
  uint8_t* codes;
  float* scales;
  float* biases;
};

// d, codes: (code - 8) * d
void affine_q4_0(const std::byte* block, AffineOut out) {
  *out.scales = half_at(block);
  *out.biases = -8 * *out.scales;
  for (size_t i = 0; i < kSmallBlock; ++i) out.codes[i] = static_cast<uint8_t>(nibble(block + 2, i));
}

// d, m, codes: code * d + m
void affine_q4_1(const std::byte* block, AffineOut out) {
  *out.scales = half_at(block);
  *out.biases = half_at(block + 2);
  for (size_t i = 0; i < kSmallBlock; ++i) out.codes[i] = static_cast<uint8_t>(nibble(block + 4, i));
}

// d, fifth bits, codes: (code - 16) * d
void affine_q5_0(const std::byte* block, AffineOut out) {
  *out.scales = half_at(block);
  *out.biases = -16 * *out.scales;
  for (size_t i = 0; i < kSmallBlock; ++i) {
    out.codes[i] = static_cast<uint8_t>(nibble(block + 6, i) | fifth_bit(block + 2, i));
  }
}

// d, m, fifth bits, codes: code * d + m
void affine_q5_1(const std::byte* block, AffineOut out) {
  *out.scales = half_at(block);
  *out.biases = half_at(block + 2);
  for (size_t i = 0; i < kSmallBlock; ++i) {
    out.codes[i] = static_cast<uint8_t>(nibble(block + 8, i) | fifth_bit(block + 4, i));
  }
}

// d, signed codes: code * d, which is (code + 128) * d - 128 * d
void affine_q8_0(const std::byte* block, AffineOut out) {
  *out.scales = half_at(block);
  *out.biases = -128 * *out.scales;
  for (size_t i = 0; i < kSmallBlock; ++i) out.codes[i] = static_cast<uint8_t>(byte_at(block + 2, i) ^ 0x80);
}

// The first 16 bytes of Q4_K and Q5_K: d, dmin, and six-bit scales and minima of 8 groups of 32. Groups 0-3 have their
// scale in bytes 0-3 and minimum in 4-7; groups 4-7 have four bits of each in bytes 8-11 and two on top of the others.
void k_group(const std::byte* block, size_t group, AffineOut out) {
  const std::byte* six = block + 4;
  int scale = byte_at(six, group % 4);
  int least = byte_at(six, 4 + group % 4);
  if (group < 4) {
    scale &= 63;
    least &= 63;
  } else {
    const int low = byte_at(six, 4 + group);
    scale = (low & 15) | scale >> 6 << 4;
    least = low >> 4 | least >> 6 << 4;
  }
  out.scales[group] = half_at(block) * static_cast<float>(scale);
  out.biases[group] = -(half_at(block + 2) * static_cast<float>(least));
}

// Then 128 bytes of codes: groups 2j and 2j + 1 share 32 of them, low and high nibbles.
int k_nibble(const std::byte* codes, size_t i) { return byte_at(codes, i / 64 * 32 + i % 32) >> (i / 32 % 2 * 4) & 15; }

void affine_q4_k(const std::byte* block, AffineOut out) {
  for (size_t group = 0; group < 8; ++group) k_group(block, group, out);
  for (size_t i = 0; i < kSuperBlock; ++i) out.codes[i] = static_cast<uint8_t>(k_nibble(block + 16, i));
}

// With 32 bytes of fifth bits before the codes: bit g of byte i is that of element 32 * g + i.
void affine_q5_k(const std::byte* block, AffineOut out) {
  for (size_t group = 0; group < 8; ++group) k_group(block, group, out);
  for (size_t i = 0; i < kSuperBlock; ++i) {
    const int fifth = (byte_at(block + 16, i % 32) >> (i / 32) & 1) << 4;
    out.codes[i] = static_cast<uint8_t>(k_nibble(block + 48, i) | fifth);
  }
}

// 16 bytes of (scale | min << 4), 64 of codes, d, dmin; 16 groups of 16. Codes of element i: two bits of byte
// 32 * (i / 128) + i % 32, at 2 * (i / 32 % 4).
int two_bits(const std::byte* codes, size_t i) { return byte_at(codes, i / 128 * 32 + i % 32) >> (i / 32 % 4 * 2) & 3; }

void dequantize_q2_k(const std::byte* block, float* out) {
  const std::byte* codes = block + 16;
  const float d = half_at(block + 80);
  const float dmin = half_at(block + 82);
  for (size_t i = 0; i < kSuperBlock; ++i) {
    const uint8_t scale = byte_at(block, i / 16);
    const float step = d * static_cast<float>(scale & 15);
    const float least = dmin * static_cast<float>(scale >> 4);
    out[i] = step * static_cast<float>(two_bits(codes, i)) - least;
  }
}

// 32 bytes of third bits (0 means minus 4), 64 of codes, 12 of six-bit scales (minus 32), d; 16 groups of 16.
int q3_k_scale(const std::byte* scales, size_t group) {
  const int low = byte_at(scales, group % 8) >> (group / 8 * 4) & 15;
  const int high = byte_at(scales, 8 + group % 4) >> (group / 4 * 2) & 3;
  return (low | high << 4) - 32;
}

void dequantize_q3_k(const std::byte* block, float* out) {
  const std::byte* codes = block + 32;
  const std::byte* scales = block + 96;
  const float d = half_at(block + 108);
  for (size_t i = 0; i < kSuperBlock; ++i) {
    const int third_bit = byte_at(block, i % 32) >> (i / 32) & 1;
    const int code = two_bits(codes, i) - (third_bit != 0 ? 0 : 4);
    out[i] = d * static_cast<float>(q3_k_scale(scales, i / 16)) * static_cast<float>(code);
  }
}

// 128 bytes of low nibbles, 64 of high bits, 16 of signed scales, d; 16 groups of 16. Each half of 128 elements has 64
// bytes of nibbles (elements 0-63 low, 64-127 high) and 32 of high bits.
void dequantize_q6_k(const std::byte* block, float* out) {
  const std::byte* high = block + 128;
  const std::byte* scales = block + 192;
  const float d = half_at(block + 208);
  for (size_t i = 0; i < kSuperBlock; ++i) {
    const size_t half = i / 128;
    const int low = byte_at(block, half * 64 + i % 64) >> (i / 64 % 2 * 4) & 15;
    const int code = (low | (byte_at(high, half * 32 + i % 32) >> (i / 32 % 4 * 2) & 3) << 4) - 32;
    const auto scale = static_cast<int8_t>(byte_at(scales, i / 16));
    out[i] = d * static_cast<float>(scale) * static_cast<float>(code);
  }
}

struct AffineType {
  GgmlType type;
  int bits;
  void (*convert)(const std::byte* block, AffineOut out);
};

constexpr AffineType kAffineTypes[] = {
    {GgmlType::Q4_0, 4, affine_q4_0}, {GgmlType::Q4_1, 4, affine_q4_1}, {GgmlType::Q5_0, 5, affine_q5_0},
    {GgmlType::Q5_1, 5, affine_q5_1}, {GgmlType::Q8_0, 8, affine_q8_0}, {GgmlType::Q4_K, 4, affine_q4_k},
    {GgmlType::Q5_K, 5, affine_q5_k},
};

const AffineType* find_affine(GgmlType type) {
  for (const AffineType& row : kAffineTypes) {
    if (row.type == type) return &row;
  }
  return nullptr;
}

// Those whose groups of 16 have no affine form in MLX.
using BlockFn = void (*)(const std::byte* block, float* out);

BlockFn small_group_function(GgmlType type) {
  switch (type) {
    case GgmlType::Q2_K: return dequantize_q2_k;
    case GgmlType::Q3_K: return dequantize_q3_k;
    case GgmlType::Q6_K: return dequantize_q6_k;
    default: return nullptr;
  }
}

void dequantize_affine_block(const AffineType& type, const std::byte* block, float* out) {
  uint8_t codes[kSuperBlock] = {};
  float scales[kSuperBlock / kAffineGroup] = {};
  float biases[kSuperBlock / kAffineGroup] = {};
  type.convert(block, {codes, scales, biases});
  for (size_t i = 0; i < block_elements(type.type); ++i) {
    out[i] = static_cast<float>(codes[i]) * scales[i / kAffineGroup] + biases[i / kAffineGroup];
  }
}

}  // namespace

std::optional<GgmlType> ggml_type(uint32_t value) {
  const TypeRow* row = find_row(value);
  return row == nullptr ? std::nullopt : std::optional<GgmlType>(row->type);
}

std::string_view to_string(GgmlType type) { return row_of(type).name; }
size_t block_elements(GgmlType type) { return row_of(type).elements; }
size_t block_bytes(GgmlType type) { return row_of(type).bytes; }

std::optional<DType> dense_dtype(GgmlType type) {
  switch (type) {
    case GgmlType::F32: return DType::f32;
    case GgmlType::F16: return DType::f16;
    case GgmlType::BF16: return DType::bf16;
    default: return std::nullopt;
  }
}

std::optional<int> affine_bits(GgmlType type) {
  const AffineType* row = find_affine(type);
  return row == nullptr ? std::nullopt : std::optional<int>(row->bits);
}

void to_affine(GgmlType type, const std::byte* blocks, size_t elements, uint8_t* codes, float* scales, float* biases) {
  const AffineType* row = find_affine(type);
  check(row != nullptr && elements % block_elements(type) == 0, "to_affine takes whole blocks of an affine type");
  for (size_t i = 0; i < elements; i += block_elements(type)) {
    row->convert(blocks, {codes + i, scales + i / kAffineGroup, biases + i / kAffineGroup});
    blocks += block_bytes(type);
  }
}

bool can_dequantize(GgmlType type) {
  return dense_dtype(type) || find_affine(type) != nullptr || small_group_function(type) != nullptr;
}

void dequantize_row(GgmlType type, const std::byte* blocks, size_t elements, float* out) {
  if (const std::optional<DType> dense = dense_dtype(type)) return to_f32(*dense, blocks, elements, out);
  check(can_dequantize(type) && elements % block_elements(type) == 0,
        "dequantize_row takes whole blocks of a known type");
  const AffineType* affine = find_affine(type);
  const BlockFn small_group = small_group_function(type);
  for (size_t i = 0; i < elements; i += block_elements(type)) {
    if (affine != nullptr) {
      dequantize_affine_block(*affine, blocks, out + i);
    } else {
      small_group(blocks, out + i);
    }
    blocks += block_bytes(type);
  }
}

}  // namespace mlxserving::format
