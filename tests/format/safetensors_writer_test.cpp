#include "format/safetensors_writer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "core/json.h"
#include "core/result.h"
#include "format/model_weights.h"

namespace mlxserving::format {
namespace {

namespace fs = std::filesystem;

class SafetensorsWriterTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / "writer" / testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  // A tensor of `count` bytes that all have the value `fill`.
  static TensorSource bytes(const std::string& name, int64_t count, int fill) {
    return {{{name, DType::u8, {count}}}, [fill](std::span<const std::span<std::byte>> out) -> Result<void> {
              std::memset(out[0].data(), fill, out[0].size());
              return {};
            }};
  }
  size_t file_count() const { return static_cast<size_t>(std::distance(fs::directory_iterator(folder_), {})); }

  fs::path folder_;
};

TEST_F(SafetensorsWriterTest, what_is_written_is_read_back_aligned_and_in_order) {
  const std::vector<TensorSource> sources = {bytes("odd", 3, 1), bytes("b", 64, 2), bytes("a", 128, 3)};
  const auto written = write_model_weights(folder_.string(), sources, 195);
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(written->files, std::vector<std::string>{"model.safetensors"});
  EXPECT_EQ(written->bytes, 195u);
  const auto file = open_safetensors((folder_ / "model.safetensors").string());
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->metadata.at("format"), "mlx");
  std::vector<std::string> order;
  for (const Tensor& tensor : file->tensors) {
    order.push_back(tensor.name);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.bytes.data()) % 64, 0u) << tensor.name;
  }
  EXPECT_EQ(order, (std::vector<std::string>{"b", "a", "odd"}));  // whole multiples of 64 first
  EXPECT_EQ(std::to_integer<int>(file->tensors[2].bytes[2]), 1);
}

TEST_F(SafetensorsWriterTest, shards_break_where_the_next_tensor_would_not_fit) {
  for (const uint64_t limit : {127, 128, 129}) {
    const std::vector<TensorSource> sources = {bytes("a", 64, 1), bytes("b", 64, 2)};
    const auto written = write_model_weights(folder_.string(), sources, 128, {.shard_bytes_max = limit});
    ASSERT_TRUE(written);
    EXPECT_EQ(written->files.size(), limit < 128 ? 2u : 1u) << limit;
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
}

TEST_F(SafetensorsWriterTest, shards_have_an_index_that_loads) {
  const std::vector<TensorSource> sources = {bytes("z", 64, 1), bytes("b", 64, 2), bytes("a", 7, 3)};
  const auto written = write_model_weights(folder_.string(), sources, 135, {.shard_bytes_max = 64});
  ASSERT_TRUE(written);
  EXPECT_EQ(written->files[2], "model-00003-of-00003.safetensors");
  const auto index = read_json_file((folder_ / "model.safetensors.index.json").string());
  ASSERT_TRUE(index);
  EXPECT_EQ(to_text((*index)["metadata"]), R"({"total_size":135,"total_parameters":135})");
  EXPECT_EQ(index->at("weight_map").begin().key(), "a");  // sorted
  const auto weights = open_model_weights(folder_.string());
  ASSERT_TRUE(weights) << weights.error().message;
  EXPECT_EQ(weights->tensors.size(), 3u);
}

TEST_F(SafetensorsWriterTest, tensors_of_one_source_may_lie_in_two_shards) {
  TensorSource pair = bytes("w", 64, 0);
  pair.tensors.push_back({"w.scales", DType::u8, {64}});
  pair.fill = [](std::span<const std::span<std::byte>> out) -> Result<void> {
    std::memset(out[0].data(), 1, out[0].size());
    std::memset(out[1].data(), 2, out[1].size());
    return {};
  };
  const std::vector<TensorSource> sources = {pair};
  ASSERT_TRUE(write_model_weights(folder_.string(), sources, 64, {.shard_bytes_max = 64}));
  const auto weights = open_model_weights(folder_.string());
  ASSERT_TRUE(weights);
  EXPECT_EQ(weights->files.size(), 2u);
  EXPECT_EQ(std::to_integer<int>(weights->find("w.scales")->bytes[0]), 2);
}

TEST_F(SafetensorsWriterTest, an_error_leaves_nothing_behind) {
  std::vector<TensorSource> sources = {bytes("a", 64, 1), bytes("b", 64, 2)};
  sources[1].fill = [](std::span<const std::span<std::byte>>) -> Result<void> {
    return fail(ErrorCode::invalid_model, "b", "b is broken");
  };
  EXPECT_EQ(write_model_weights(folder_.string(), sources, 128).error().message, "b is broken");
  EXPECT_EQ(file_count(), 0u);
}

TEST_F(SafetensorsWriterTest, the_observer_can_cancel) {
  const std::vector<TensorSource> sources = {bytes("a", 64, 1), bytes("b", 64, 2)};
  int calls = 0;
  const WriteOptions options{.on_written = [&](uint64_t) -> Result<void> {
    if (++calls == 1) return {};
    return fail(ErrorCode::cancelled, "", "enough");
  }};
  EXPECT_EQ(write_model_weights(folder_.string(), sources, 128, options).error().code, ErrorCode::cancelled);
  EXPECT_EQ(file_count(), 0u);
}

TEST_F(SafetensorsWriterTest, a_folder_that_is_not_there_is_named) {
  const std::vector<TensorSource> sources = {bytes("a", 64, 1)};
  const auto written = write_model_weights((folder_ / "absent").string(), sources, 64);
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().message.find("absent/model.safetensors"), std::string::npos);
}

}  // namespace
}  // namespace mlxserving::format
