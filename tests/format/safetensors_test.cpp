#include "format/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace mlxserving::format {
namespace {

std::string file_of(const std::string& header, size_t data_bytes) {
  const uint64_t length = header.size();
  std::string file(8, '\0');
  std::memcpy(file.data(), &length, 8);
  file += header;
  for (size_t i = 0; i < data_bytes; ++i) file += static_cast<char>(i);
  return file;
}

Result<SafetensorsFile> parse(const std::string& file, const SafetensorsLimits& limits = {}) {
  return parse_safetensors(std::as_bytes(std::span(file)), nullptr, "x.safetensors", limits);
}

std::string error_of(const std::string& header, size_t data_bytes, const SafetensorsLimits& limits = {}) {
  const auto file = parse(file_of(header, data_bytes), limits);
  return file ? "" : file.error().message;
}

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

TEST(Safetensors, tensors_are_read_in_place_in_the_order_of_their_bytes) {
  const std::string header = R"({"__metadata__":{"format":"mlx"},)" + entry("b", "BF16", "[2,2]", "[4,12]") + "," +
                             entry("a", "U8", "[4]", "[0,4]") + "," + entry("none", "F32", "[0,7]", "[12,12]") + "}  ";
  const std::string bytes = file_of(header, 12);
  const auto file = parse(bytes);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->metadata.at("format"), "mlx");
  ASSERT_EQ(file->tensors.size(), 3u);
  EXPECT_EQ(file->tensors[0].name, "a");
  EXPECT_EQ(file->tensors[1].name, "b");
  EXPECT_EQ(file->tensors[1].shape, (Shape{2, 2}));
  EXPECT_EQ(file->tensors[1].dtype, DType::bf16);
  EXPECT_EQ(reinterpret_cast<const char*>(file->tensors[1].bytes.data()), bytes.data() + 8 + header.size() + 4);
  EXPECT_EQ(file->tensors[2].bytes.size(), 0u);
}

TEST(Safetensors, a_file_without_tensors_is_sound) { EXPECT_EQ(error_of("{}", 0), ""); }

TEST(Safetensors, metadata_may_be_null) {  // as mx.save_safetensors writes it
  EXPECT_EQ(error_of(R"({"__metadata__":null,"a":{"data_offsets":[0,4],"dtype":"F32","shape":[1]}})", 4), "");
  EXPECT_NE(error_of(R"({"a":null})", 0), "");
}

struct Fault {
  const char* header;
  size_t data_bytes;
  const char* message;
};

class SafetensorsFault : public testing::TestWithParam<Fault> {};

TEST_P(SafetensorsFault, is_named) {
  const std::string message = error_of(GetParam().header, GetParam().data_bytes);
  EXPECT_NE(message.find(GetParam().message), std::string::npos) << message;
  EXPECT_TRUE(message.starts_with("x.safetensors: ")) << message;
}

INSTANTIATE_TEST_SUITE_P(
    All, SafetensorsFault,
    testing::Values(
        Fault{R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4,
              "tensor a: F32 [2] needs 8 bytes, data_offsets give 4"},
        Fault{R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 4,
              "ends at byte 8 of the data, but there are 4"},
        Fault{R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8, "run backwards"},
        Fault{R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[18446744073709551608,0]}})", 8, "run backwards"},
        Fault{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 8, "4 bytes follow the last tensor"},
        Fault{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8,
              "begins at byte 4 of the data, expected 0: there is a gap"},
        Fault{
            R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
            6, "overlaps"},
        Fault{R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}})", 8, "element type F64 is not supported"},
        Fault{
            R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
            2, "names a twice"},
        Fault{R"({"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1, "names a.dtype twice"},
        Fault{R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})", 1, "found a negative number in a.shape"},
        Fault{R"({"a":{"dtype":"U8","shape":[1.5],"data_offsets":[0,1]}})", 1, "found a fraction"},
        Fault{R"({"a":{"dtype":"U8","shape":[[1]],"data_offsets":[0,1]}})", 1, "found an array in a.shape"},
        Fault{R"({"a":{"dtype":"U8","shape":{"b":1},"data_offsets":[0,1]}})", 1, "found an object in a.shape"},
        Fault{R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}})", 1,
              "data_offsets must be [begin, end], found 1 numbers"},
        Fault{R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,1]}})", 1,
              "data_offsets may have at most 2 numbers"},
        Fault{R"({"a":{"dtype":"U8","shape":[1]}})", 1, "needs dtype, shape and data_offsets"},
        Fault{R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}})", 1, "found an unknown key in a.x"},
        Fault{R"({"a":7})", 1, "found a number in a"}, Fault{R"([1])", 0, "found an array"},
        Fault{R"({"__metadata__":{"a":1}})", 0, "found a number in __metadata__.a"},
        Fault{R"({"a":)", 0, "not valid JSON"}, Fault{"{\"\xff\":1}", 0, "not valid JSON"},
        Fault{"", 0, "not valid JSON"},
        Fault{R"({"":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1, "name must have 1 to 1024 bytes, found 0"},
        Fault{R"({"a":{"dtype":"F32","shape":[2147483647,2147483647,2147483647],"data_offsets":[0,4]}})", 4,
              "more than 2^64 bytes"},
        Fault{R"({"a":{"dtype":"U8","shape":[4294967300],"data_offsets":[0,4]}})", 4,
              "a dimension may be at most 2147483647, found 4294967300"}));

TEST(Safetensors, a_short_file_says_how_short) {
  EXPECT_NE(parse("1234").error().message.find("at least 8 bytes, found 4"), std::string::npos);
  std::string cut = file_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1);
  cut.resize(20);
  EXPECT_NE(parse(cut).error().message.find("the file ends after 12: truncated?"), std::string::npos);
}

TEST(Safetensors, a_git_lfs_pointer_is_recognised) {
  const auto file = parse("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n");
  EXPECT_NE(file.error().message.find("Git LFS pointer"), std::string::npos);
}

TEST(Safetensors, nesting_costs_nothing) {
  EXPECT_NE(error_of(R"({"a":)" + std::string(1'000'000, '['), 0), "");
  EXPECT_NE(error_of(std::string(1'000'000, '{'), 0), "");
}

// Each limit one below, at and one above.
TEST(Safetensors, header_limit) {
  for (const size_t length : {9, 10, 11}) {
    const std::string header = "{}" + std::string(length - 2, ' ');
    EXPECT_EQ(error_of(header, 0, {.header_bytes_max = 10}).empty(), length <= 10) << length;
  }
}

TEST(Safetensors, tensor_limit) {
  std::string header = "{";
  for (size_t i = 0; i < 4; ++i) {
    const std::string begin = std::to_string(i);
    header += (i == 0 ? "" : ",") + entry(begin, "U8", "[1]", "[" + begin + "," + std::to_string(i + 1) + "]");
    EXPECT_EQ(error_of(header + "}", i + 1, {.tensors_max = 3}).empty(), i + 1 <= 3);
  }
}

TEST(Safetensors, name_limit) {
  for (const size_t length : {4, 5, 6}) {
    const std::string header = "{" + entry(std::string(length, 'n'), "U8", "[1]", "[0,1]") + "}";
    EXPECT_EQ(error_of(header, 1, {.name_bytes_max = 5}).empty(), length <= 5);
  }
}

TEST(Safetensors, dimension_limits) {
  for (const auto& [shape, sound] : {std::pair{"[1,2]", true}, {"[1,2,1]", true}, {"[1,2,1,1]", false}}) {
    EXPECT_EQ(error_of("{" + entry("a", "U8", shape, "[0,2]") + "}", 2, {.dims_max = 3}).empty(), sound) << shape;
  }
  for (const size_t size : {6, 7, 8}) {
    const std::string n = std::to_string(size);
    EXPECT_EQ(error_of("{" + entry("a", "U8", "[" + n + "]", "[0," + n + "]") + "}", size, {.dim_max = 7}).empty(),
              size <= 7);
  }
}

}  // namespace
}  // namespace mlxserving::format
