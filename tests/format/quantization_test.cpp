#include "format/quantization.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "format/float_types.h"

namespace mlxserving::format {
namespace {

TEST(Quantization, element_i_is_bits_i_of_the_row) {
  for (const int bits : {2, 3, 4, 5, 6, 8}) {
    std::mt19937 random(static_cast<unsigned>(bits));
    std::vector<uint8_t> codes(96);
    for (uint8_t& code : codes) code = static_cast<uint8_t>(random() & ((1U << bits) - 1));
    std::vector<std::byte> packed(codes.size() * static_cast<size_t>(bits) / 8);
    pack_codes(codes.data(), codes.size(), bits, packed.data());
    for (size_t i = 0; i < codes.size(); ++i) {
      unsigned code = 0;
      for (size_t bit = 0; bit < static_cast<size_t>(bits); ++bit) {
        const size_t at = i * static_cast<size_t>(bits) + bit;
        code |= (std::to_integer<unsigned>(packed[at / 8]) >> (at % 8) & 1U) << bit;
      }
      ASSERT_EQ(code, codes[i]) << "bits " << bits << " element " << i;
    }
    std::vector<uint8_t> back(codes.size());
    unpack_codes(packed.data(), back.size(), bits, back.data());
    EXPECT_EQ(back, codes);
  }
}

TEST(Quantization, affine_is_code_times_scale_plus_bias) {
  std::vector<uint8_t> codes(32);
  for (size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<uint8_t>(i % 16);
  std::byte packed[16];
  pack_codes(codes.data(), 32, 4, packed);
  const float scale_value = -0.5F;
  const float bias_value = 3.0F;
  std::byte scale[2];
  std::byte bias[2];
  from_f32(DType::bf16, &scale_value, 1, scale);
  from_f32(DType::bf16, &bias_value, 1, bias);
  float out[32];
  dequantize_row({QuantMode::affine, 4, 32}, DType::bf16, packed, scale, bias, 32, out);
  for (size_t i = 0; i < 32; ++i) EXPECT_EQ(out[i], static_cast<float>(i % 16) * -0.5F + 3.0F);
}

TEST(Quantization, what_mlx_has_not_is_refused) {
  EXPECT_TRUE(validate({QuantMode::affine, 3, 128}, "x"));
  EXPECT_TRUE(validate({QuantMode::nvfp4, 4, 16}, "x"));
  EXPECT_EQ(validate({QuantMode::affine, 7, 64}, "lm_head").error().message,
            "lm_head: bits must be 2, 3, 4, 5, 6 or 8, got 7");
  EXPECT_EQ(validate({QuantMode::affine, 4, 16}, "lm_head").error().message,
            "lm_head: group_size must be 32, 64 or 128, got 16");
  EXPECT_EQ(validate({QuantMode::mxfp4, 4, 64}, "x").error().message,
            "x: mxfp4 has 4 bits in groups of 32, got 4 bits in groups of 64");
}

TEST(Quantization, shapes_follow_the_last_dimension) {
  const QuantSpec spec{QuantMode::affine, 5, 64};
  EXPECT_EQ(packed_shape(spec, {3, 10, 128}), (Shape{3, 10, 20}));
  EXPECT_EQ(scales_shape(spec, {3, 10, 128}), (Shape{3, 10, 2}));
  EXPECT_TRUE(fits(spec, {10, 128}));
  EXPECT_FALSE(fits(spec, {10, 96}));
  EXPECT_FALSE(fits(spec, {128}));
}

TEST(Quantization, names_are_those_of_config_json) {
  for (const char* name : {"affine", "mxfp4", "mxfp8", "nvfp4"})
    EXPECT_EQ(to_string(*quant_mode_from_name(name)), name);
  EXPECT_FALSE(quant_mode_from_name("int4"));
}

}  // namespace
}  // namespace mlxserving::format
