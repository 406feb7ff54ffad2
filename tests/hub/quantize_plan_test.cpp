#include "hub/quantize_plan.h"

#include <gtest/gtest.h>

namespace mlxserving::hub {
namespace {

using format::DType;
using format::ModelWeights;
using format::QuantMode;
using format::QuantSpec;
using format::Tensor;

void add(ModelWeights& weights, const std::string& name, DType dtype, const format::Shape& shape) {
  Tensor tensor;
  tensor.name = name;
  tensor.dtype = dtype;
  tensor.shape = shape;
  weights.tensors.emplace(name, tensor);
}

ModelWeights dense_model(int layers = 16) {
  ModelWeights weights;
  add(weights, "model.embed_tokens.weight", DType::bf16, {100, 128});
  add(weights, "lm_head.weight", DType::bf16, {100, 128});
  add(weights, "model.norm.weight", DType::bf16, {128});
  for (int i = 0; i < layers; ++i) {
    const std::string layer = "model.layers." + std::to_string(i);
    add(weights, layer + ".mlp.down_proj.weight", DType::bf16, {128, 256});
    add(weights, layer + ".self_attn.v_proj.weight", DType::bf16, {64, 128});
    add(weights, layer + ".self_attn.q_proj.weight", DType::bf16, {128, 128});
    add(weights, layer + ".self_attn.q_proj.bias", DType::bf16, {128});
  }
  return weights;
}

Json config_of_16_layers() { return {{"num_hidden_layers", 16}, {"tie_word_embeddings", false}}; }

TEST(QuantizePlan, matrices_are_quantised_and_rows_are_not) {
  const ModelWeights weights = dense_model(1);
  const auto plan = plan_quantization(weights, config_of_16_layers(), {});
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->quantized.size(), 5u);
  EXPECT_EQ(plan->tensors.size(), 7u);
  EXPECT_EQ(plan->quantized.at("model.layers.0.mlp.down_proj"), (QuantSpec{QuantMode::affine, 4, 64}));
  EXPECT_FALSE(plan->quantized.contains("model.norm"));
}

TEST(QuantizePlan, the_head_of_tied_embeddings_is_dropped) {
  const ModelWeights weights = dense_model(1);
  const auto plan = plan_quantization(weights, Json{{"tie_word_embeddings", true}}, {});
  ASSERT_TRUE(plan);
  EXPECT_FALSE(plan->quantized.contains("lm_head"));
  EXPECT_EQ(plan->parameters, uint64_t{100 * 128 + 128 + 128 * 256 + 64 * 128 + 128 * 128 + 128});
}

TEST(QuantizePlan, the_head_in_gemmas_files_is_kept_whatever_the_config_says) {
  const ModelWeights weights = dense_model(1);
  const auto plan = plan_quantization(weights, Json{{"model_type", "gemma3_text"}, {"tie_word_embeddings", true}}, {});
  ASSERT_TRUE(plan);
  EXPECT_TRUE(plan->quantized.contains("lm_head"));
}

TEST(QuantizePlan, a_config_of_the_wrong_types_is_an_error) {
  const ModelWeights weights = dense_model(1);
  const auto plan = plan_quantization(weights, Json{{"num_hidden_layers", "one"}}, {});
  ASSERT_FALSE(plan);
  EXPECT_NE(plan.error().message.find("num_hidden_layers must be an integer"), std::string::npos);
  EXPECT_FALSE(plan_quantization(weights, Json{{"tie_word_embeddings", 1}}, {}));
}

TEST(QuantizePlan, a_recipe_spends_bits_at_the_ends_and_on_every_third_layer) {
  QuantizeOptions options;
  options.spec.bits = 3;
  options.recipe = "mixed_3_6";
  const ModelWeights weights = dense_model();
  const auto plan = plan_quantization(weights, config_of_16_layers(), options);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->quantized.at("lm_head").bits, 6);
  EXPECT_EQ(plan->quantized.at("model.embed_tokens").bits, 3);
  std::string bits;
  for (int i = 0; i < 16; ++i) {
    bits += std::to_string(plan->quantized.at("model.layers." + std::to_string(i) + ".mlp.down_proj").bits);
    EXPECT_EQ(plan->quantized.at("model.layers." + std::to_string(i) + ".self_attn.q_proj").bits, 3);
  }
  EXPECT_EQ(bits, "6633633633633666");
}

TEST(QuantizePlan, the_last_rule_that_matches_decides) {
  QuantizeOptions options;
  for (const char* rule : {"*.mlp.*=8:32", "model.layers.0.mlp.down_proj=mxfp4", "lm_head=dense"}) {
    const auto parsed = parse_layer_rule(rule, options.spec);
    ASSERT_TRUE(parsed) << parsed.error().message;
    options.layers.push_back(*parsed);
  }
  const ModelWeights weights = dense_model();
  const auto plan = plan_quantization(weights, config_of_16_layers(), options);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->quantized.at("model.layers.0.mlp.down_proj").mode, QuantMode::mxfp4);
  EXPECT_EQ(plan->quantized.at("model.layers.1.mlp.down_proj"), (QuantSpec{QuantMode::affine, 8, 32}));
  EXPECT_FALSE(plan->quantized.contains("lm_head"));
}

TEST(QuantizePlan, a_rule_that_matches_nothing_is_an_error) {
  QuantizeOptions options;
  options.layers.push_back({"model.layers.*.mlp.dwon_proj", QuantSpec{}});
  EXPECT_EQ(plan_quantization(dense_model(), config_of_16_layers(), options).error().message,
            "no layer matches 'model.layers.*.mlp.dwon_proj'");
}

TEST(QuantizePlan, rows_that_cannot_be_grouped_stay_dense_unless_asked_for) {
  ModelWeights weights = dense_model(1);
  add(weights, "model.layers.0.mlp.up_proj.weight", DType::bf16, {128, 96});
  const auto plan = plan_quantization(weights, config_of_16_layers(), {});
  ASSERT_TRUE(plan);
  EXPECT_FALSE(plan->quantized.contains("model.layers.0.mlp.up_proj"));
  QuantizeOptions options;
  options.layers.push_back({"*.up_proj", QuantSpec{}});
  EXPECT_EQ(plan_quantization(weights, config_of_16_layers(), options).error().message,
            "model.layers.0.mlp.up_proj: rows of 96 cannot be cut into groups of 64");
}

TEST(QuantizePlan, a_quantised_model_is_refused_unless_asked_for) {
  ModelWeights weights;
  add(weights, "lm_head.weight", DType::u32, {100, 16});
  add(weights, "lm_head.scales", DType::f16, {100, 4});
  add(weights, "lm_head.biases", DType::f16, {100, 4});
  const Json config = {{"quantization", {{"bits", 4}, {"group_size", 32}}}};
  EXPECT_NE(plan_quantization(weights, config, {}).error().message.find("--requantize"), std::string::npos);
  QuantizeOptions options;
  options.requantize = true;
  const auto plan = plan_quantization(weights, config, options);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->tensors.size(), 1u);
  EXPECT_EQ(plan->tensors[0].shape, (format::Shape{100, 128}));
  const Json wrong = {{"quantization", {{"bits", 8}, {"group_size", 32}}}};
  EXPECT_NE(plan_quantization(weights, wrong, options).error().message.find("does not fit"), std::string::npos);
}

TEST(LayerRule, faults_are_named) {
  for (const char* rule : {"x", "x=", "=4", "x=four", "x=4:", "x=99999", "x=int4"}) {
    const auto parsed = parse_layer_rule(rule, {});
    ASSERT_FALSE(parsed) << rule;
    EXPECT_NE(parsed.error().message.find("PATTERN=BITS[:GROUP]"), std::string::npos) << rule;
  }
  EXPECT_EQ(parse_layer_rule("x=7", {}).error().message, "layer x: bits must be 2, 3, 4, 5, 6 or 8, got 7");
}

}  // namespace
}  // namespace mlxserving::hub
