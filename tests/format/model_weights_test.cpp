#include "format/model_weights.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>

namespace mlxserving::format {
namespace {

namespace fs = std::filesystem;

// A model directory of one-byte tensors.
class ModelWeightsTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) /
              ("model_weights_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write(const std::string& name, const std::string& bytes) {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
  }
  void write_shard(const std::string& name, const std::vector<std::string>& tensors) {
    std::string header = "{";
    for (size_t i = 0; i < tensors.size(); ++i) {
      header += (i == 0 ? "\"" : ",\"") + tensors[i] + R"(":{"dtype":"U8","shape":[1],"data_offsets":[)" +
                std::to_string(i) + "," + std::to_string(i + 1) + "]}";
    }
    header += "}";
    const uint64_t length = header.size();
    std::string file(8, '\0');
    std::memcpy(file.data(), &length, 8);
    write(name, file + header + std::string(tensors.size(), '\1'));
  }
  void write_index(const std::string& weight_map) {
    write("model.safetensors.index.json", R"({"weight_map":)" + weight_map + "}");
  }
  std::string error() {
    const auto weights = open_model_weights(folder_.string());
    return weights ? "" : weights.error().message;
  }

  fs::path folder_;
};

TEST_F(ModelWeightsTest, the_index_decides_which_files_are_read) {
  write_shard("part-1.safetensors", {"a"});
  write_shard("part-2.safetensors", {"b", "c"});
  write_shard("model.safetensors", {"stray"});
  write_index(R"({"a":"part-1.safetensors","b":"part-2.safetensors","c":"part-2.safetensors"})");
  const auto weights = open_model_weights(folder_.string());
  ASSERT_TRUE(weights) << weights.error().message;
  EXPECT_EQ(weights->tensors.size(), 3u);
  EXPECT_EQ(weights->files.size(), 2u);
  EXPECT_NE(weights->find("c"), nullptr);
  EXPECT_EQ(weights->find("stray"), nullptr);
}

TEST_F(ModelWeightsTest, without_an_index_model_files_win_over_others) {
  write_shard("model-00001-of-00002.safetensors", {"a"});
  write_shard("model-00002-of-00002.safetensors", {"b"});
  write_shard("other.safetensors", {"c"});
  const auto weights = open_model_weights(folder_.string());
  ASSERT_TRUE(weights);
  EXPECT_EQ(weights->tensors.size(), 2u);
}

TEST_F(ModelWeightsTest, consolidated_and_adapter_files_are_not_weights) {
  write_shard("weights.00.safetensors", {"a"});
  write_shard("consolidated.safetensors", {"b"});
  write_shard("adapters.safetensors", {"c"});
  const auto weights = open_model_weights(folder_.string());
  ASSERT_TRUE(weights);
  EXPECT_EQ(weights->tensors.size(), 1u);
}

TEST_F(ModelWeightsTest, a_missing_shard_is_named) {
  write_shard("model-1.safetensors", {"a"});
  write_index(R"({"a":"model-1.safetensors","b":"model-2.safetensors"})");
  EXPECT_NE(error().find("expects 1 tensors in model-2.safetensors, but there is no such file"), std::string::npos);
}

TEST_F(ModelWeightsTest, a_tensor_missing_from_its_shard_is_named) {
  write_shard("model-1.safetensors", {"a"});
  write_index(R"({"a":"model-1.safetensors","b":"model-1.safetensors"})");
  EXPECT_NE(error().find("expects tensor b in model-1.safetensors, found it nowhere"), std::string::npos);
}

TEST_F(ModelWeightsTest, a_tensor_in_two_shards_is_refused) {
  write_shard("model-1.safetensors", {"a"});
  write_shard("model-2.safetensors", {"a"});
  EXPECT_NE(error().find("tensor a is in two shards, model-1.safetensors and model-2.safetensors"), std::string::npos);
}

TEST_F(ModelWeightsTest, an_index_cannot_leave_the_directory) {
  for (const char* shard : {"../x.safetensors", "/etc/passwd", "..", "", "a\\\\b"}) {
    write_index(std::string(R"({"a":")") + shard + "\"}");
    EXPECT_NE(error().find("weight_map.a must be a file name"), std::string::npos) << shard;
  }
}

TEST_F(ModelWeightsTest, a_directory_without_weights_says_what_was_expected) {
  EXPECT_NE(error().find("no weights: expected model.safetensors.index.json or model*.safetensors"), std::string::npos);
  EXPECT_EQ(open_model_weights((folder_ / "absent").string()).error().code, ErrorCode::not_found);
}

TEST_F(ModelWeightsTest, bytes_outlive_the_table) {
  write_shard("model.safetensors", {"a"});
  Tensor tensor;
  {
    const auto weights = open_model_weights(folder_.string());
    ASSERT_TRUE(weights);
    tensor = *weights->find("a");
  }
  EXPECT_EQ(std::to_integer<int>(tensor.bytes[0]), 1);
}

TEST_F(ModelWeightsTest, a_path_that_is_no_directory_says_what_to_do) {
  const std::string gguf = (folder_ / "model.gguf").string();
  write("model.gguf", "GGUF");
  const auto file = open_model_weights(gguf);
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().message.find("mlx-serving convert " + gguf), std::string::npos) << file.error().message;
  const auto absent = open_model_weights((folder_ / "absent").string());
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, ErrorCode::not_found);
  EXPECT_NE(absent.error().message.find("a model is a directory with config.json"), std::string::npos);
}

}  // namespace
}  // namespace mlxserving::format
