#include "format/gguf.h"

#include <gtest/gtest.h>

#include "format/gguf_builder.h"

namespace mlxserving::format {
namespace {

using B = GgufBuilder;

constexpr uint32_t kU32 = 4;
constexpr uint32_t kI32 = 5;
constexpr uint32_t kF32 = 6;
constexpr uint32_t kBool = 7;
constexpr uint32_t kString = 8;
constexpr uint32_t kArray = 9;

Result<GgufFile> parse(const std::string& bytes, const GgufLimits& limits = {}) {
  return parse_gguf(std::as_bytes(std::span(bytes)), nullptr, "x.gguf", limits);
}

std::string error_of(const GgufBuilder& file, const GgufLimits& limits = {}) {
  const std::string bytes = file.build();
  const auto parsed = parse(bytes, limits);
  return parsed ? "" : parsed.error().message;
}

TEST(Gguf, metadata_and_tensors_are_read_in_place) {
  const std::string bytes =
      B().key("n", kU32, B::raw<uint32_t>(7))
          .key("eps", kF32, B::raw(1e-5F))
          .key("yes", kBool, std::string(1, '\1'))
          .key("name", kString, B::text("tiny"))
          .key("ids", kArray, B::raw(kI32) + B::raw<uint64_t>(2) + B::raw<int32_t>(-1) + B::raw<int32_t>(5))
          .key("words", kArray, B::raw(kString) + B::raw<uint64_t>(2) + B::text("a") + B::text(""))
          .tensor("w", {4, 2}, 0, 0)
          .data(std::string(32, '\3'))
          .build();
  const auto file = parse(bytes);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->integer("n"), 7);
  EXPECT_EQ(file->number("eps"), 1e-5);
  EXPECT_EQ(file->boolean("yes"), true);
  EXPECT_EQ(file->string("name"), "tiny");
  EXPECT_EQ(file->array("ids")->number(0), -1);
  EXPECT_EQ(file->array("words")->strings, (std::vector<std::string_view>{"a", ""}));
  EXPECT_FALSE(file->integer("absent"));
  EXPECT_FALSE(file->integer("name"));
  EXPECT_EQ(file->find_tensor("w")->shape, (Shape{2, 4}));
  EXPECT_EQ(file->find_tensor("w")->bytes.size(), 32u);
}

TEST(Gguf, version_2_and_3_are_read_and_no_other) {
  EXPECT_EQ(error_of(B(2)), "");
  EXPECT_NE(error_of(B(1)).find("version must be 2 or 3, found 1"), std::string::npos);
  EXPECT_NE(error_of(B(4)).find("found 4"), std::string::npos);
  EXPECT_NE(error_of(B(0x03000000)).find("found a big-endian file"), std::string::npos);
  EXPECT_NE(parse("GGML....").error().message.find("must begin with the bytes GGUF"), std::string::npos);
}

TEST(Gguf, every_truncation_is_an_error) {
  const std::string bytes = B().key("words", kArray, B::raw(kString) + B::raw<uint64_t>(1) + B::text("abc"))
                                .tensor("w", {32}, 2, 0)
                                .data(std::string(18, '\0'))
                                .build();
  ASSERT_TRUE(parse(bytes));
  for (size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(parse(bytes.substr(0, size))) << size;
}

TEST(Gguf, faults_of_keys_are_named) {
  EXPECT_NE(error_of(B().key("a", 13, "")).find("key a: a value's type must be 0 to 12, found 13"), std::string::npos);
  EXPECT_NE(error_of(B().key("a", kU32, B::raw(1)).key("a", kU32, B::raw(1))).find("key a appears twice"),
            std::string::npos);
  EXPECT_NE(error_of(B().key("a", kArray, B::raw(kArray) + B::raw<uint64_t>(0))).find("arrays of arrays"),
            std::string::npos);
  EXPECT_NE(error_of(B().key("", kU32, B::raw(1))).find("must be UTF-8 and not empty"), std::string::npos);
  EXPECT_NE(error_of(B().key("\xff", kU32, B::raw(1))).find("must be UTF-8"), std::string::npos);
  EXPECT_NE(error_of(B().key("a", kString, B::raw(UINT64_MAX))).find("truncated"), std::string::npos);
  EXPECT_NE(error_of(B().key("a", kArray, B::raw(kString) + B::raw<uint64_t>(1 << 20))).find("truncated"),
            std::string::npos);
}

TEST(Gguf, faults_of_tensors_are_named) {
  const std::string data(64, '\0');
  EXPECT_NE(error_of(B().tensor("w", {16}, 0, 4).data(data)).find("offset must be a multiple of 32, found 4"),
            std::string::npos);
  EXPECT_NE(error_of(B().tensor("w", {16}, 0, 32).data(data))
                .find("F32 [16] needs 64 bytes from 32, but the data ends at 64"),
            std::string::npos);
  EXPECT_NE(error_of(B().tensor("w", {16}, 0, UINT64_MAX - 31).data(data)).find("but the data ends at 64"),
            std::string::npos);
  EXPECT_NE(
      error_of(B().tensor("w", {33}, 2, 0).data(data)).find("Q4_0 needs rows of a multiple of 32 elements, found [33]"),
      std::string::npos);
  EXPECT_NE(error_of(B().tensor("w", {1}, 99, 0).data(data)).find("element type 99 is not known"), std::string::npos);
  EXPECT_NE(error_of(B().tensor("w", {1}, 4, 0).data(data)).find("element type 4 is not known"), std::string::npos);
  EXPECT_NE(error_of(B().tensor("w", {1}, 0, 0).tensor("w", {1}, 0, 32).data(data)).find("tensor w: appears twice"),
            std::string::npos);
  EXPECT_NE(error_of(B().tensor("a", {16}, 0, 0).tensor("b", {1}, 0, 32).data(data)).find("tensor b: overlaps a"),
            std::string::npos);
  EXPECT_NE(error_of(B().tensor("w", {1U << 31}, 0, 0).data(data)).find("a dimension may be at most 2147483647"),
            std::string::npos);
  const uint64_t most = INT32_MAX;
  EXPECT_NE(error_of(B().tensor("w", {most, most, most, most}, 0, 0).data(data)).find("more than 2^64 bytes"),
            std::string::npos);
}

TEST(Gguf, the_alignment_is_a_bounded_power_of_two) {
  for (const uint32_t wrong : {0U, 3U, 33U, 1U << 21}) {
    EXPECT_NE(error_of(B().key("general.alignment", kU32, B::raw(wrong))).find("must be a power of two"),
              std::string::npos)
        << wrong;
  }
  EXPECT_EQ(
      error_of(
          B().key("general.alignment", kU32, B::raw<uint32_t>(8)).tensor("w", {2}, 0, 8).data(std::string(64, '\0'))),
      "");
}

// Each limit one below, at and one above.
TEST(Gguf, limits) {
  for (size_t n = 2; n <= 4; ++n) {
    GgufBuilder keys;
    GgufBuilder tensors;
    for (size_t i = 0; i < n; ++i) {
      keys.key("k" + std::to_string(i), kU32, B::raw<uint32_t>(0));
      tensors.tensor("t" + std::to_string(i), {1}, 0, i * 32);
    }
    tensors.data(std::string(32 * n, '\0'));
    const bool sound = n <= 3;
    EXPECT_EQ(error_of(keys, {.keys_max = 3}).empty(), sound);
    EXPECT_EQ(error_of(tensors, {.tensors_max = 3}).empty(), sound);
    EXPECT_EQ(error_of(B().key(std::string(n, 'k'), kU32, B::raw<uint32_t>(0)), {.name_bytes_max = 3}).empty(), sound);
    EXPECT_EQ(error_of(B().key("k", kString, B::text(std::string(n, 's'))), {.string_bytes_max = 3}).empty(), sound);
    EXPECT_EQ(error_of(B().key("k", kArray, B::raw(kBool) + B::raw<uint64_t>(n) + std::string(n, '\1')),
                       {.array_elements_max = 3})
                  .empty(),
              sound);
    EXPECT_EQ(error_of(B().tensor("t", std::vector<uint64_t>(n, 1), 0, 0).data(std::string(4, '\0')), {.dims_max = 3})
                  .empty(),
              sound);
    EXPECT_EQ(error_of(B().tensor("t", {n}, 0, 0).data(std::string(32, '\0')), {.dim_max = 3}).empty(), sound);
  }
}

TEST(Gguf, every_block_type_has_a_size) {
  for (uint32_t value = 0; value < 64; ++value) {
    const std::optional<GgmlType> type = ggml_type(value);
    if (!type) continue;
    EXPECT_GT(block_bytes(*type), 0u);
    EXPECT_FALSE(to_string(*type).empty());
    EXPECT_TRUE(!affine_bits(*type) || can_dequantize(*type)) << to_string(*type);
  }
}

}  // namespace
}  // namespace mlxserving::format
