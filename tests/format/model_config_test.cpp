#include "format/model_config.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "core/json.h"

namespace mlxserving::format {
namespace {

Json llama() {
  return {{"model_type", "llama"},    {"vocab_size", 128},      {"hidden_size", 64},
          {"intermediate_size", 96},  {"num_hidden_layers", 4}, {"num_attention_heads", 4},
          {"num_key_value_heads", 2}, {"rms_norm_eps", 1e-5},   {"max_position_embeddings", 256}};
}

Json with(Json base, const Json& changes) {
  base.update(changes);
  return base;
}

ModelConfig read(const Json& config) {
  auto out = parse_model_config(to_text(config), "config.json");
  EXPECT_TRUE(out) << out.error().message;
  return out ? *out : ModelConfig{};
}

std::string error_of(const Json& config, const ModelConfigLimits& limits = {}) {
  const auto out = parse_model_config(to_text(config), "config.json", limits);
  return out ? "" : out.error().message;
}

ptrdiff_t sliding_layers(const ModelConfig& config) {
  return std::ranges::count(config.layer_types, LayerType::sliding_attention);
}

TEST(ModelConfig, silent_fields_take_the_family_defaults) {
  Json config = llama();
  config.erase("num_key_value_heads");
  const ModelConfig read_config = read(config);
  EXPECT_EQ(read_config.num_key_value_heads, 4);
  EXPECT_EQ(read_config.head_dim, 16);
  EXPECT_EQ(read_config.tie_word_embeddings, true);
  EXPECT_EQ(read_config.rope.theta, 10'000.0);
  EXPECT_EQ(sliding_layers(read_config), 0);
  EXPECT_EQ(read(with(llama(), {{"model_type", "qwen2"}})).rope.theta, 1e6);
  EXPECT_EQ(read(with(llama(), {{"model_type", "qwen3"}})).head_dim, 128);
  EXPECT_EQ(read({{"model_type", "gemma3_text"}}).sliding_window, 512);
  EXPECT_EQ(read({{"model_type", "gemma3_text"}, {"head_dim", 64}}).query_pre_attn_scalar, 256);
  EXPECT_EQ(read(with(llama(), {{"model_type", "phi3"}})).tie_word_embeddings, false);
}

TEST(ModelConfig, a_silent_file_has_the_familys_longest_text) {
  Json config = llama();
  config.erase("max_position_embeddings");
  EXPECT_EQ(read(config).max_position_embeddings, 2048);
  EXPECT_EQ(read(with(config, {{"model_type", "qwen3"}})).max_position_embeddings, 32'768);
  // The text part of a Gemma 3 that sees, which says only what differs from a larger model.
  const Json text = {{"model_type", "gemma3_text"}, {"hidden_size", 2560}, {"sliding_window", 1024}};
  EXPECT_EQ(read({{"model_type", "gemma3"}, {"text_config", text}}).max_position_embeddings, 131'072);
}

TEST(ModelConfig, null_counts_as_absent) {
  EXPECT_EQ(read(with(llama(), {{"head_dim", nullptr}, {"rope_scaling", nullptr}})).head_dim, 16);
}

TEST(ModelConfig, gemmas_files_decide_whether_embeddings_are_tied) {
  for (const bool setting : {false, true}) {
    EXPECT_EQ(read({{"model_type", "gemma3_text"}, {"tie_word_embeddings", setting}}).tie_word_embeddings,
              std::nullopt);
    EXPECT_EQ(read(with(llama(), {{"tie_word_embeddings", setting}})).tie_word_embeddings, setting);
  }
}

TEST(ModelConfig, whole_numbers_may_be_written_as_fractions) {
  const ModelConfig config = read(with(llama(), {{"hidden_size", 64.0}, {"max_position_embeddings", 1e6}}));
  EXPECT_EQ(config.hidden_size, 64);
  EXPECT_EQ(config.max_position_embeddings, 1'000'000);
  EXPECT_NE(error_of(with(llama(), {{"hidden_size", 64.5}})), "");
  EXPECT_NE(error_of(with(llama(), {{"max_position_embeddings", 1e300}})), "");
}

TEST(ModelConfig, a_fault_names_file_field_found_and_allowed) {
  EXPECT_EQ(error_of(with(llama(), {{"hidden_size", "big"}})),
            "config.json: hidden_size must be an integer in [1, 1048576], got \"big\"");
  EXPECT_EQ(error_of(with(llama(), {{"rms_norm_eps", 0}})),
            "config.json: rms_norm_eps must be a number in (0, 1], got 0");
  EXPECT_EQ(error_of(with(llama(), {{"attention_bias", 1}})),
            "config.json: attention_bias must be true or false, got 1");
  EXPECT_EQ(error_of(with(llama(), {{"num_key_value_heads", 3}})),
            "config.json: num_key_value_heads must divide num_attention_heads, 4, got 3");
  EXPECT_EQ(error_of(with(llama(), {{"hidden_act", "relu"}})), "config.json: hidden_act must be silu, got relu");
  EXPECT_EQ(error_of(Json::array()), "config.json: must be an object, got []");
}

TEST(ModelConfig, a_missing_required_field_is_named) {
  for (const char* field :
       {"model_type", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"}) {
    Json config = llama();
    config.erase(field);
    EXPECT_EQ(error_of(config), std::string("config.json: ") + field + " is missing");
  }
}

TEST(ModelConfig, limits_are_tested_below_at_and_above) {
  const auto loads = [](const char* field, int64_t value, const ModelConfigLimits& limits) {
    Json config = llama();
    config["head_dim"] = 16;
    config[field] = value;
    if (std::string(field) == "num_attention_heads") config["num_key_value_heads"] = 1;
    return error_of(config, limits).empty();
  };
  const auto holds_at = [&](const char* field, int64_t limit, const ModelConfigLimits& limits, int64_t step = 1) {
    EXPECT_TRUE(loads(field, limit - step, limits)) << field;
    EXPECT_TRUE(loads(field, limit, limits)) << field;
    EXPECT_FALSE(loads(field, limit + step, limits)) << field;
  };
  holds_at("vocab_size", 500, {.vocab_size_max = 500});
  holds_at("hidden_size", 300, {.width_max = 300});
  holds_at("intermediate_size", 300, {.width_max = 300});
  holds_at("num_hidden_layers", 9, {.layers_max = 9});
  holds_at("num_attention_heads", 9, {.heads_max = 9});
  holds_at("head_dim", 32, {.head_dim_max = 32}, 2);
  holds_at("max_position_embeddings", 900, {.positions_max = 900});
  const auto eos = [](int count) { return with(llama(), {{"eos_token_id", std::vector<int>(count, 7)}}); };
  EXPECT_TRUE(error_of(eos(2), {.eos_tokens_max = 3}).empty());
  EXPECT_TRUE(error_of(eos(3), {.eos_tokens_max = 3}).empty());
  EXPECT_FALSE(error_of(eos(4), {.eos_tokens_max = 3}).empty());
  const size_t bytes = to_text(llama()).size();
  EXPECT_TRUE(error_of(llama(), {.bytes_max = bytes + 1}).empty());
  EXPECT_TRUE(error_of(llama(), {.bytes_max = bytes}).empty());
  EXPECT_FALSE(error_of(llama(), {.bytes_max = bytes - 1}).empty());
}

TEST(ModelConfig, settings_that_would_change_the_numbers_are_refused) {
  for (const char* key : {"rope_traditional", "use_bidirectional_attention"}) {
    EXPECT_EQ(error_of(with(llama(), {{key, true}})), std::string("config.json: ") + key + " must be false, got true");
    EXPECT_EQ(error_of(with(llama(), {{key, false}})), "");
  }
  EXPECT_NE(error_of(with(llama(), {{"model_file", "custom.py"}})), "");
}

TEST(ModelConfig, eos_may_be_one_or_many) {
  EXPECT_EQ(read(with(llama(), {{"eos_token_id", 2}})).eos_token_ids, (std::vector<int32_t>{2}));
  EXPECT_EQ(read(with(llama(), {{"eos_token_id", {2, 5}}})).eos_token_ids, (std::vector<int32_t>{2, 5}));
}

// Rope.

TEST(ModelConfig, both_forms_of_rope_mean_the_same) {
  const Json scaling = {{"rope_type", "llama3"},
                        {"factor", 8.0},
                        {"low_freq_factor", 1.0},
                        {"high_freq_factor", 4.0},
                        {"original_max_position_embeddings", 64}};
  const auto older = read(with(llama(), {{"rope_theta", 5e5}, {"rope_scaling", scaling}})).rope;
  const auto newer = read(with(llama(), {{"rope_parameters", with(scaling, {{"rope_theta", 5e5}})}})).rope;
  for (const RopeConfig& rope : {older, newer}) {
    EXPECT_EQ(rope.type, RopeType::llama3);
    EXPECT_EQ(rope.theta, 5e5);
    EXPECT_EQ(rope.factor, 8.0);
    EXPECT_EQ(rope.original_max_position_embeddings, 64);
  }
}

TEST(ModelConfig, the_older_form_of_rope_wins_where_a_file_has_both) {
  const auto rope = read(with(llama(), {{"rope_scaling", {{"type", "linear"}, {"factor", 2.0}}},
                                        {"rope_parameters", {{"rope_type", "linear"}, {"factor", 9.0}}}}))
                        .rope;
  EXPECT_EQ(rope.factor, 2.0);
}

TEST(ModelConfig, rope_may_differ_by_layer_type) {
  const Json nested = {{"full_attention", {{"rope_type", "linear"}, {"factor", 8.0}, {"rope_theta", 1e6}}},
                       {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 5e3}}}};
  const ModelConfig config = read(with(llama(), {{"rope_parameters", nested}}));
  EXPECT_EQ(config.rope.factor, 8.0);
  EXPECT_EQ(config.rope.theta, 1e6);
  EXPECT_EQ(config.rope_sliding.type, RopeType::none);
  EXPECT_EQ(config.rope_sliding.theta, 5e3);
}

TEST(ModelConfig, a_rope_of_unknown_type_is_answered_with_those_there_are) {
  EXPECT_EQ(error_of(with(llama(), {{"rope_scaling", {{"type", "spiral"}, {"factor", 2.0}}}})),
            "config.json: rope_scaling.type must be one of default, linear, dynamic, llama3, yarn, longrope, su, got "
            "spiral");
}

TEST(ModelConfig, faults_inside_rope_are_named) {
  EXPECT_EQ(error_of(with(llama(), {{"rope_scaling", {{"type", "linear"}}}})),
            "config.json: rope_scaling.factor is missing");
  EXPECT_EQ(
      error_of(with(llama(),
                    {{"rope_scaling",
                      {{"type", "longrope"}, {"original_max_position_embeddings", 64}, {"long_factor", {1.0, 2.0}}}}})),
      "config.json: rope_scaling.long_factor must have 8 numbers, one a rotated pair, got 2");
  EXPECT_EQ(
      error_of(with(llama(), {{"partial_rotary_factor", 0.2}})),
      "config.json: partial_rotary_factor must leave an even number of rotated elements, of head_dim 16 it leaves 3");
}

// Layers that slide.

TEST(ModelConfig, layer_types_say_which_layers_slide) {
  const Json config =
      with(llama(), {{"sliding_window", 8},
                     {"layer_types", {"sliding_attention", "full_attention", "sliding_attention", "full_attention"}}});
  EXPECT_EQ(sliding_layers(read(config)), 2);
  EXPECT_EQ(read(config).sliding_window, 8);
  EXPECT_EQ(error_of(with(config, {{"sliding_window", nullptr}})),
            "config.json: sliding_window is missing, but some layers slide");
  EXPECT_EQ(error_of(with(config, {{"layer_types", {"full_attention"}}})),
            "config.json: layer_types must have num_hidden_layers, 4, entries, got 1");
  EXPECT_EQ(error_of(with(config, {{"layer_types", {"linear_attention"}}})),
            "config.json: layer_types may hold full_attention and sliding_attention, found linear_attention");
}

TEST(ModelConfig, older_files_imply_which_layers_slide) {
  const auto count = [](const Json& changes) { return sliding_layers(read(with(llama(), changes))); };
  EXPECT_EQ(count({{"sliding_window", 8}}), 0);
  EXPECT_EQ(count({{"model_type", "mistral"}, {"sliding_window", 8}}), 4);
  EXPECT_EQ(count({{"model_type", "mistral"}, {"sliding_window", nullptr}}), 0);
  EXPECT_EQ(count({{"model_type", "qwen2"}, {"sliding_window", 8}, {"max_window_layers", 1}}), 0);
  EXPECT_EQ(
      count({{"model_type", "qwen2"}, {"sliding_window", 8}, {"max_window_layers", 1}, {"use_sliding_window", true}}),
      3);
  EXPECT_EQ(count({{"model_type", "gemma3_text"}, {"sliding_window", 8}, {"sliding_window_pattern", 2}}), 2);
}

TEST(ModelConfig, layers_without_rope_are_listed_by_their_opposite) {
  const auto layers = [](const Json& changes) {
    return read(with(with(llama(), {{"model_type", "smollm3"}}), changes)).no_rope_layers;
  };
  EXPECT_EQ(layers(Json::object()), (std::vector<bool>{false, false, false, true}));
  EXPECT_EQ(layers({{"no_rope_layers", {0, 1, 1, 1}}}), (std::vector<bool>{true, false, false, false}));
  EXPECT_FALSE(error_of(with(llama(), {{"model_type", "smollm3"}, {"no_rope_layers", {0, 1}}})).empty());
}

// The text part of a multimodal model.

TEST(ModelConfig, text_config_is_read_with_the_family_of_the_whole_file) {
  const Json file = {{"model_type", "gemma3"},
                     {"eos_token_id", {1, 106}},
                     {"text_config",
                      {{"model_type", "gemma3_text"},
                       {"hidden_size", 2560},
                       {"num_hidden_layers", 34},
                       {"intermediate_size", 10240},
                       {"sliding_window", 1024},
                       {"rope_scaling", {{"factor", 8.0}, {"rope_type", "linear"}}}}}};
  const ModelConfig config = read(file);
  EXPECT_TRUE(config.is_text_of_multimodal);
  EXPECT_EQ(config.model_type, "gemma3_text");
  EXPECT_EQ(config.vocab_size, 262'208);
  EXPECT_EQ(config.num_attention_heads, 8);
  EXPECT_EQ(config.num_key_value_heads, 4);
  EXPECT_EQ(config.head_dim, 256);
  EXPECT_EQ(config.rope.factor, 8.0);
  EXPECT_EQ(config.rope_sliding.theta, 10'000.0);
  EXPECT_EQ(sliding_layers(config), 29);
  EXPECT_EQ(config.eos_token_ids.size(), 2U);
}

// Quantization.

QuantConfig quantization(const Json& block, const char* key = "quantization") {
  return read(with(llama(), {{key, block}})).quantization;
}

TEST(ModelConfig, a_quantization_block_has_a_global_spec_and_layers) {
  const QuantConfig config = quantization({{"group_size", 64},
                                           {"bits", 4},
                                           {"a.b", {{"group_size", 32}, {"bits", 8}}},
                                           {"a.dense", false},
                                           {"a.same", true},
                                           {"linear_class", "quant"}});
  EXPECT_EQ(config.all, (QuantSpec{.mode = QuantMode::affine, .bits = 4, .group_size = 64}));
  ASSERT_EQ(config.layers.size(), 3U);
  EXPECT_EQ(config.layers.at("a.b"), (QuantSpec{.mode = QuantMode::affine, .bits = 8, .group_size = 32}));
  EXPECT_EQ(config.layers.at("a.dense"), std::nullopt);
  EXPECT_EQ(config.layers.at("a.same"), config.all);
}

TEST(ModelConfig, a_layer_without_mode_is_affine_whatever_the_global_mode) {
  const QuantConfig config =
      quantization({{"mode", "mxfp4"}, {"group_size", 32}, {"bits", 4}, {"a", {{"group_size", 64}, {"bits", 8}}}});
  EXPECT_EQ(config.all->mode, QuantMode::mxfp4);
  EXPECT_EQ(config.layers.at("a")->mode, QuantMode::affine);
}

TEST(ModelConfig, a_block_under_the_second_name_is_read_and_the_first_wins) {
  EXPECT_EQ(quantization({{"group_size", 64}, {"bits", 4}}, "quantization_config").all->bits, 4);
  const Json both = {{"quantization", {{"group_size", 64}, {"bits", 4}}},
                     {"quantization_config", {{"group_size", 64}, {"bits", 8}}}};
  EXPECT_EQ(read(with(llama(), both)).quantization.all->bits, 4);
}

TEST(ModelConfig, methods_of_other_toolkits_are_told_apart) {
  EXPECT_EQ(quantization({{"quant_method", "mxfp4"}}, "quantization_config").all->mode, QuantMode::mxfp4);
  const auto gptq = parse_model_config(
      to_text(with(llama(), {{"quantization_config", {{"quant_method", "gptq"}, {"bits", 4}}}})), "config.json");
  ASSERT_FALSE(gptq);
  EXPECT_EQ(gptq.error().code, ErrorCode::unsupported_model);
  EXPECT_EQ(gptq.error().param, "quantization_config.quant_method");
}

TEST(ModelConfig, wrong_quantization_blocks_are_named) {
  const auto error = [](const Json& block) { return error_of(with(llama(), {{"quantization", block}})); };
  EXPECT_EQ(error({{"group_size", 64}}), "config.json: quantization.bits is missing");
  EXPECT_EQ(error({{"bits", 4}}), "config.json: quantization.group_size is missing");
  EXPECT_EQ(error({{"group_size", 64}, {"bits", "four"}}),
            "config.json: quantization.bits must be an integer in [1, 32], got \"four\"");
  EXPECT_NE(error({{"group_size", 64}, {"bits", 7}}), "");
  EXPECT_NE(error({{"group_size", 16}, {"bits", 4}}), "");
  EXPECT_NE(error({{"mode", "mxfp4"}, {"group_size", 64}, {"bits", 4}}), "");
  EXPECT_EQ(error({{"group_size", 64}, {"bits", 4}, {"mode", "int4"}}),
            "config.json: quantization.mode must be one of affine, mxfp4, mxfp8, nvfp4, got int4");
  EXPECT_EQ(error({{"group_size", 64}, {"bits", 4}, {"a.b", {{"bits", 9}}}}).find("config.json: quantization.a.b.bits"),
            0U);
  EXPECT_EQ(error(4), "config.json: quantization must be an object, got 4");
}

TEST(ModelConfig, the_type_alone_is_read_from_files_that_are_otherwise_foreign) {
  EXPECT_EQ(*parse_model_type(R"({"model_type": "mamba"})", "config.json"), "mamba");
  EXPECT_EQ(*parse_model_type(R"({"model_type": "vl", "text_config": {"model_type": "llama"}})", "config.json"),
            "llama");
  EXPECT_FALSE(parse_model_type(R"({"model_type": 3})", "config.json"));
  EXPECT_FALSE(parse_model_type("{}", "config.json"));
}

}  // namespace
}  // namespace mlxserving::format
