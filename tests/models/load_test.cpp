#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "models/model.h"
#include "models/replay.h"
#include "models/survey.h"
#include "nn/mlx_ops.h"
#include "support/model_files.h"
#include "support/test_directory.h"

namespace mlxserving::models {
namespace {

using ::mlxserving::test::model_files;
using ::mlxserving::test::ModelFiles;
using ::mlxserving::test::pack_4_by_32;
using ::mlxserving::test::random_f32;
using ::mlxserving::test::test_directory;

class LoadModel : public ::testing::Test {
 protected:
  // The error of a model that must not load.
  Error error_of(const std::string& directory) {
    const auto loaded = load_model(directory, *ops_);
    EXPECT_FALSE(loaded) << directory;
    return loaded ? Error{} : loaded.error();
  }
  Error error_of(const ModelFiles& model) { return error_of(model.write(test_directory())); }

  std::unique_ptr<nn::Ops> ops_ = nn::make_mlx_ops(nn::Numerics::f32);
};

TEST_F(LoadModel, every_architecture_of_the_table_loads_and_gives_finite_logits) {
  std::vector<int32_t> tokens(40);
  std::iota(tokens.begin(), tokens.end(), 1);
  for (const std::string_view name : architectures()) {
    const auto loaded = load_model(model_files(std::string(name)).write(test_directory()), *ops_);
    ASSERT_TRUE(loaded) << name << ": " << loaded.error().message;
    const auto logits = replay(*loaded, *ops_, tokens);
    ASSERT_TRUE(logits) << name << ": " << logits.error().message;
    ASSERT_EQ(logits->size(), 1U);
    ASSERT_EQ(logits->front().size(), 48U);
    for (const float value : logits->front()) EXPECT_TRUE(std::isfinite(value)) << name;
  }
}

TEST_F(LoadModel, sizes_count_every_weight_once) {
  ModelFiles model = model_files("llama");
  int64_t elements = 0;
  for (const auto& [name, tensor] : model.tensors) elements += static_cast<int64_t>(tensor.bytes.size() / 4);
  const auto loaded = load_model(model.write(test_directory()), *ops_);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->sizes.parameters, elements);
  EXPECT_EQ(loaded->sizes.weight_bytes, elements * 4);
  EXPECT_EQ(loaded->sizes.kv_elements_token, 4 * 2 * 2 * 16);
}

TEST_F(LoadModel, packed_layers_load_by_their_scales) {
  ModelFiles model = model_files("llama");
  pack_4_by_32(model, "model.layers.1.mlp.up_proj");
  model.config["quantization"] = {{"group_size", 32}, {"bits", 4}};
  const auto loaded = load_model(model.write(test_directory()), *ops_);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_TRUE(replay(*loaded, *ops_, std::vector<int32_t>{1, 2, 3}));
}

TEST_F(LoadModel, survey_names_the_kernels_of_every_matrix) {
  ModelFiles model = model_files("llama");
  pack_4_by_32(model, "model.layers.1.mlp.up_proj");
  model.config["quantization"] = {{"group_size", 32}, {"bits", 4}};
  const auto survey = survey_model(model.write(test_directory()));
  ASSERT_TRUE(survey) << survey.error().message;
  size_t packed = 0;
  for (const auto& matrix : survey->matrices) {
    EXPECT_FALSE(matrix.decode.empty() || matrix.prefill.empty()) << matrix.name;
    const auto tensor = model.tensors.find(matrix.name);
    if (tensor != model.tensors.end() && tensor->second.dtype == "F32") {
      EXPECT_EQ(matrix.layout, "F32") << matrix.name;
      EXPECT_EQ(matrix.columns, tensor->second.shape[1]) << matrix.name;
    } else if (matrix.name == "model.layers.1.mlp.up_proj.weight") {
      EXPECT_EQ(matrix.layout, "affine 4 bits by 32");
      ++packed;
    }
  }
  EXPECT_EQ(packed, 1U);
}

TEST_F(LoadModel, fused_rows_come_apart_in_the_order_of_the_checkpoint) {
  ModelFiles fused = model_files("phi3");
  ModelFiles split = fused;
  split.config["model_type"] = "llama";
  const auto cut = [&](const std::string& from, const std::vector<std::pair<std::string, int64_t>>& parts) {
    const auto whole = split.tensors.at(from + ".weight");
    const size_t row_bytes = whole.bytes.size() / static_cast<size_t>(whole.shape[0]);
    const std::string folder = from.substr(0, from.rfind('.') + 1);
    size_t begin = 0;
    for (const auto& [name, rows] : parts) {
      const size_t bytes = static_cast<size_t>(rows) * row_bytes;
      split.tensors[folder + name + ".weight"] = {"F32", {rows, whole.shape[1]}, whole.bytes.substr(begin, bytes)};
      begin += bytes;
    }
    split.tensors.erase(from + ".weight");
  };
  for (int i = 0; i < 4; ++i) {
    const std::string layer = "model.layers." + std::to_string(i) + ".";
    cut(layer + "self_attn.qkv_proj", {{"q_proj", 64}, {"k_proj", 32}, {"v_proj", 32}});
    cut(layer + "mlp.gate_up_proj", {{"gate_proj", 64}, {"up_proj", 64}});
  }
  const std::vector<int32_t> tokens = {5, 9, 2, 44, 17};
  const auto a = load_model(fused.write(test_directory()), *ops_);
  ASSERT_TRUE(a) << a.error().message;
  const auto expected = replay(*a, *ops_, tokens);
  const auto b = load_model(split.write(test_directory()), *ops_);
  ASSERT_TRUE(b) << b.error().message;
  EXPECT_EQ(*expected, *replay(*b, *ops_, tokens));
}

TEST_F(LoadModel, a_missing_tensor_is_named_with_its_expected_shape) {
  ModelFiles model = model_files("llama");
  model.tensors.erase("model.layers.2.mlp.up_proj.weight");
  const Error error = error_of(model);
  EXPECT_EQ(error.code, ErrorCode::invalid_model);
  EXPECT_EQ(error.param, "model.layers.2.mlp.up_proj.weight");
  EXPECT_NE(error.message.find("model.safetensors: tensor model.layers.2.mlp.up_proj.weight: expected F32, F16 or BF16 "
                               "[64, 32], found none"),
            std::string::npos)
      << error.message;
}

TEST_F(LoadModel, many_missing_tensors_are_one_error) {
  ModelFiles model = model_files("llama");
  for (int i = 0; i < 4; ++i) model.tensors.erase("model.layers." + std::to_string(i) + ".mlp.up_proj.weight");
  EXPECT_NE(error_of(model).message.find("model.layers.0.mlp.up_proj.weight: expected F32, F16 or BF16 [64, 32], found "
                                         "none (and 3 more such tensors)"),
            std::string::npos);
}

TEST_F(LoadModel, an_extra_tensor_is_named) {
  ModelFiles model = model_files("llama");
  std::mt19937 random(1);
  model.tensors["model.layers.0.self_attn.q_proj.bias"] = random_f32({64}, random);
  const Error error = error_of(model);
  EXPECT_EQ(error.param, "model.layers.0.self_attn.q_proj.bias");
  EXPECT_NE(error.message.find("expected none, for llama has no such layer, found F32 [64]"), std::string::npos)
      << error.message;
}

TEST_F(LoadModel, a_misshapen_tensor_is_shown_with_both_shapes) {
  ModelFiles model = model_files("llama");
  std::mt19937 random(1);
  model.tensors["model.norm.weight"] = random_f32({31}, random);
  const Error error = error_of(model);
  EXPECT_EQ(error.param, "model.norm.weight");
  EXPECT_NE(error.message.find("expected F32, F16 or BF16 [32], found F32 [31]"), std::string::npos) << error.message;
}

TEST_F(LoadModel, a_tensor_of_the_wrong_type_is_shown) {
  ModelFiles model = model_files("llama");
  model.tensors["model.norm.weight"].dtype = "I32";
  EXPECT_NE(error_of(model).message.find("found I32 [32]"), std::string::npos);
}

TEST_F(LoadModel, a_truncated_shard_is_named) {
  const std::string directory = model_files("llama").write(test_directory());
  const auto shard = std::filesystem::path(directory) / "model.safetensors";
  std::filesystem::resize_file(shard, std::filesystem::file_size(shard) - 4);
  const Error error = error_of(directory);
  EXPECT_EQ(error.code, ErrorCode::invalid_model);
  EXPECT_NE(error.message.find("model.safetensors"), std::string::npos) << error.message;
}

TEST_F(LoadModel, an_unknown_architecture_is_answered_with_those_there_are) {
  ModelFiles model = model_files("llama");
  model.config = {{"model_type", "mamba"}};  // whose fields would all be missing
  const Error error = error_of(model);
  EXPECT_EQ(error.code, ErrorCode::unsupported_model);
  EXPECT_EQ(error.param, "model_type");
  EXPECT_NE(error.message.find("model_type must be one of llama, mistral,"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("got mamba"), std::string::npos) << error.message;
}

TEST_F(LoadModel, a_quantization_block_that_contradicts_the_shapes_says_what_they_mean) {
  ModelFiles model = model_files("llama");
  pack_4_by_32(model, "model.layers.0.mlp.up_proj");
  model.config["quantization"] = {{"group_size", 32}, {"bits", 8}};
  const Error error = error_of(model);
  EXPECT_EQ(error.param, "model.layers.0.mlp.up_proj.weight");
  EXPECT_NE(
      error.message.find("expected U32 [64, 8], for config.json says affine 8 bits by 32, found U32 [64, 4]; these "
                         "shapes mean 4 bits by 32"),
      std::string::npos)
      << error.message;
}

TEST_F(LoadModel, scales_without_a_quantization_block_are_a_fault) {
  ModelFiles model = model_files("llama");
  pack_4_by_32(model, "model.layers.0.mlp.up_proj");
  const Error error = error_of(model);
  EXPECT_EQ(error.param, "model.layers.0.mlp.up_proj.scales");
  EXPECT_NE(error.message.find("config.json has no quantization block"), std::string::npos) << error.message;
}

TEST_F(LoadModel, a_layer_named_as_packed_must_have_scales) {
  ModelFiles model = model_files("llama");
  model.config["quantization"] = {
      {"group_size", 32}, {"bits", 4}, {"model.layers.0.mlp.up_proj", {{"group_size", 32}, {"bits", 4}}}};
  EXPECT_EQ(error_of(model).param, "model.layers.0.mlp.up_proj.weight");
}

TEST_F(LoadModel, a_layer_named_as_dense_must_have_no_scales) {
  ModelFiles model = model_files("llama");
  pack_4_by_32(model, "model.layers.0.mlp.up_proj");
  model.config["quantization"] = {{"group_size", 32}, {"bits", 4}, {"model.layers.0.mlp.up_proj", false}};
  EXPECT_EQ(error_of(model).param, "model.layers.0.mlp.up_proj.weight");
}

TEST_F(LoadModel, a_width_that_no_group_divides_is_a_fault) {
  ModelFiles model = model_files("llama");
  pack_4_by_32(model, "model.layers.0.mlp.up_proj");
  model.config["quantization"] = {{"group_size", 128}, {"bits", 4}};
  EXPECT_NE(error_of(model).message.find("multiple of the group size"), std::string::npos);
}

TEST_F(LoadModel, tied_heads_and_stored_frequencies_are_dropped) {
  ModelFiles model = model_files("llama");
  std::mt19937 random(1);
  model.config["tie_word_embeddings"] = true;
  model.tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = random_f32({8}, random);
  EXPECT_TRUE(load_model(model.write(test_directory()), *ops_));
}

TEST_F(LoadModel, the_text_of_a_multimodal_model_loads_under_each_of_its_names) {
  const ModelFiles text = model_files("gemma3_text");
  const std::vector<int32_t> tokens = {1, 2, 3};
  const auto plain = load_model(text.write(test_directory()), *ops_);
  ASSERT_TRUE(plain);
  const auto expected = replay(*plain, *ops_, tokens);
  for (const std::string prefix : {"language_model.model.", "model.language_model."}) {
    ModelFiles model;
    model.config = {{"model_type", "gemma3"}, {"vocab_size", 48}, {"text_config", text.config}};
    for (const auto& [name, tensor] : text.tensors) {
      const bool is_head = name.starts_with("lm_head.");
      const std::string head = prefix.starts_with("language_model.") ? "language_model." + name : name;
      model.tensors[is_head ? head : prefix + name.substr(std::string("model.").size())] = tensor;
    }
    std::mt19937 random(1);
    model.tensors["vision_tower.encoder.weight"] = random_f32({4}, random);
    const auto loaded = load_model(model.write(test_directory()), *ops_);
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ(*expected, *replay(*loaded, *ops_, tokens));
  }
}

TEST_F(LoadModel, a_directory_without_config_is_not_found) {
  EXPECT_EQ(error_of("/nonexistent").code, ErrorCode::not_found);
}

TEST_F(LoadModel, tokens_outside_the_vocabulary_are_refused) {
  const auto loaded = load_model(model_files("llama").write(test_directory()), *ops_);
  ASSERT_TRUE(loaded);
  EXPECT_TRUE(replay(*loaded, *ops_, std::vector<int32_t>{47}));
  EXPECT_FALSE(replay(*loaded, *ops_, std::vector<int32_t>{48}));
  EXPECT_FALSE(replay(*loaded, *ops_, std::vector<int32_t>{-1}));
  EXPECT_FALSE(replay(*loaded, *ops_, std::vector<int32_t>{}));
}

}  // namespace
}  // namespace mlxserving::models
