#include "hub/gguf_config.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <numbers>

#include "format/gguf_builder.h"

namespace mlxserving::hub {
namespace {

using B = format::GgufBuilder;

constexpr uint32_t kU32 = 4;
constexpr uint32_t kF32 = 6;
constexpr uint32_t kString = 8;

// A GGUF file that is parsed from bytes it keeps.
struct Model {
  std::string bytes;
  format::GgufFile file;
};

std::unique_ptr<Model> parse(const B& builder) {
  auto model = std::make_unique<Model>();
  model->bytes = builder.build();
  auto file = format::parse_gguf(std::as_bytes(std::span(model->bytes)), nullptr, "x.gguf");
  EXPECT_TRUE(file) << file.error().message;
  model->file = std::move(*file);
  return model;
}

B with_keys(const std::string& architecture) {
  B builder;
  builder.key("general.architecture", kString, B::text(architecture));
  const std::pair<const char*, uint32_t> counts[] = {{"block_count", 2},
                                                     {"context_length", 4096},
                                                     {"embedding_length", 256},
                                                     {"feed_forward_length", 512},
                                                     {"attention.head_count", 4}};
  for (const auto& [key, value] : counts) builder.key(architecture + "." + key, kU32, B::raw(value));
  return builder.key(architecture + ".attention.layer_norm_rms_epsilon", kF32, B::raw(1e-6F));
}

B& with_embedding(B& builder) {
  return builder.tensor("token_embd.weight", {256, 8}, 0, 0).data(std::string(8192, '\0'));
}

std::string error_of(B builder) {
  const auto model = parse(with_embedding(builder));
  const auto config = config_from_gguf(model->file);
  return config ? "" : config.error().message;
}

TEST(GgufConfig, the_keys_are_hugging_faces) {
  B builder = with_keys("llama");
  const auto model = parse(with_embedding(builder));
  const auto config = config_from_gguf(model->file);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->at("model_type"), "llama");
  EXPECT_EQ(config->at("num_key_value_heads"), 4);
  EXPECT_EQ(config->at("head_dim"), 64);
  EXPECT_EQ(config->at("vocab_size"), 8);
  EXPECT_EQ(to_text(config->at("rms_norm_eps")), "1e-06");
  EXPECT_EQ(config->at("tie_word_embeddings"), true);
  EXPECT_FALSE(config->contains("rope_scaling"));
}

TEST(GgufConfig, what_is_missing_or_absurd_is_named) {
  B bare;
  bare.key("general.architecture", kString, B::text("llama"));
  EXPECT_NE(error_of(bare).find("key llama.embedding_length must be a whole number of at least 1, found none"),
            std::string::npos);
  B zero = with_keys("llama");
  zero.key("llama.attention.head_count_kv", kU32, B::raw(0U));
  EXPECT_NE(error_of(zero).find("llama.attention.head_count_kv must be a whole number of at least 1, found 0"),
            std::string::npos);
  B nan = with_keys("llama");
  nan.key("llama.rope.freq_base", kF32, B::raw(std::nanf("")));
  EXPECT_NE(error_of(nan).find("llama.rope.freq_base must be a number above 0"), std::string::npos);
}

TEST(GgufConfig, what_is_not_converted_says_what_is) {
  EXPECT_NE(error_of(with_keys("mamba"))
                .find("must be one of llama, qwen2, qwen3, gemma3, phi3 to be converted, found mamba"),
            std::string::npos);
  EXPECT_NE(error_of(B()).find("found none"), std::string::npos);
  B experts = with_keys("llama");
  experts.key("llama.expert_count", kU32, B::raw(8U));
  EXPECT_NE(error_of(experts).find("models with experts are not converted, found 8"), std::string::npos);
  B split = with_keys("llama");
  split.key("split.count", kU32, B::raw(3U));
  EXPECT_NE(error_of(split).find("one of 3 parts; join them first"), std::string::npos);
}

// The divisors of Llama 3.2 (factor 32) for heads of 64 and theta 500000; one of them times `spoiled`.
std::string llama3_divisors(float spoiled) {
  std::string bytes;
  for (int i = 0; i < 32; ++i) {
    const double wavelength = 2 * std::numbers::pi * std::pow(500000.0, i / 32.0);
    double divisor = 1;
    if (wavelength > 8192.0) {
      divisor = 32;
    } else if (wavelength > 8192.0 / 4) {
      const double smooth = (8192.0 / wavelength - 1) / 3;
      divisor = 1 / ((1 - smooth) / 32 + smooth);
    }
    bytes += B::raw(static_cast<float>(divisor) * (i == 20 ? spoiled : 1.0F));
  }
  return bytes;
}

Result<Json> config_with_divisors(float spoiled) {
  B builder = with_keys("llama");
  builder.key("llama.rope.freq_base", kF32, B::raw(500000.0F));
  builder.tensor("token_embd.weight", {256, 8}, 0, 0).tensor("rope_freqs.weight", {32}, 0, 8192);
  builder.data(std::string(8192, '\0') + llama3_divisors(spoiled));
  const auto model = parse(builder);
  return config_from_gguf(model->file);
}

TEST(GgufConfig, llama3_scaling_is_recovered_from_its_frequencies) {
  const auto config = config_with_divisors(1.0F);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(to_text(config->at("rope_scaling")),
            R"({"rope_type":"llama3","factor":32.0,"low_freq_factor":1.0,"high_freq_factor":4.0,)"
            R"("original_max_position_embeddings":8192})");
}

TEST(GgufConfig, frequencies_of_another_form_are_refused) {
  const auto config = config_with_divisors(1.5F);
  ASSERT_FALSE(config);
  EXPECT_NE(config.error().message.find("is not Llama 3's rope scaling with factor 32"), std::string::npos);
}

TEST(GgufConfig, every_end_of_sequence_id_is_kept) {
  B builder;
  for (const auto& [key, id] : {std::pair{"eos", 9U}, {"eot", 4U}, {"eom", 9U}}) {
    builder.key("tokenizer.ggml." + std::string(key) + "_token_id", kU32, B::raw(id));
  }
  EXPECT_EQ(to_text(generation_config_from_gguf(parse(builder)->file)), R"({"eos_token_id":[4,9]})");
}

}  // namespace
}  // namespace mlxserving::hub
